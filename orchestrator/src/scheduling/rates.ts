import type { Timings, Usage } from '@waggle/shared/chat/chat-event.ts';
import { DecayedSums } from './decayed-stats.ts';

/** Samples fade by half in a minute: a node that gets busy or throttled is believed soon. */
const halfLifeMs = 60_000;
/** Fewer samples than this and a prediction gives no deadline. */
export const trustedSamples = 20;

/** What one model on one engine really did; every figure has a prior until it was measured. */
export interface RatesView {
  /** Milliseconds per uncached prompt token. */
  readonly prefillMsPerToken: number;
  /** Milliseconds per answer token beside `others` other running jobs of the engine. */
  decodeMsPerToken(others: number): number;
  readonly loadMs: number;
  /** Usual length of an answer in tokens. */
  readonly outputTokens: number;
  /** Share of attempts that ended in an engine fault. */
  readonly errorRate: number;
  /** Mean absolute difference between predicted and real total, in milliseconds. */
  readonly deviationMs: number;
  /** Mean time of a whole job on its lane. */
  readonly serviceMs: number;
  /** Finished jobs seen so far. */
  readonly samples: number;
}

export interface RatePriors {
  readonly prefillMsPerToken: number;
  readonly decodeMsPerToken: number;
  readonly loadMs: number;
}

export interface RateSample {
  readonly usage: Usage | undefined;
  readonly timings: Timings | undefined;
  readonly promptTokens: number;
  /** Other jobs that ran on the engine when this one began. */
  readonly others: number;
  /** Bind to first event and to end, as the orchestrator saw it. */
  readonly firstEventMs: number;
  readonly totalMs: number;
  readonly predictedMs: number;
}

const defaultOutputTokens = 200;

export class Rates implements RatesView {
  readonly #priors: () => RatePriors;
  readonly #prefill = new DecayedSums(['ms', 'tokens'], halfLifeMs);
  /** Least squares of milliseconds per token over the number of other running jobs. */
  readonly #decode = new DecayedSums(['n', 'x', 'y', 'xx', 'xy'], halfLifeMs);
  readonly #load = new DecayedSums(['ms', 'n'], halfLifeMs * 10);
  readonly #whole = new DecayedSums(['n', 'tokens', 'ms', 'deviation'], halfLifeMs);
  readonly #outcomes = new DecayedSums(['n', 'faults'], halfLifeMs);
  #samples = 0;

  constructor(priors: () => RatePriors) {
    this.#priors = priors;
  }

  get samples(): number {
    return this.#samples;
  }

  get prefillMsPerToken(): number {
    const tokens = this.#prefill.get('tokens');
    return tokens > 0 ? this.#prefill.get('ms') / tokens : this.#priors().prefillMsPerToken;
  }

  decodeMsPerToken(others: number): number {
    const n = this.#decode.get('n');
    if (n <= 0) return this.#priors().decodeMsPerToken;
    const mean = this.#decode.get('y') / n;
    const meanOthers = this.#decode.get('x') / n;
    const variance = this.#decode.get('xx') / n - meanOthers ** 2;
    if (variance < 0.01) return mean;
    const slope = Math.max(0, (this.#decode.get('xy') / n - meanOthers * mean) / variance);
    return Math.max(mean / 4, mean + slope * (others - meanOthers));
  }

  get loadMs(): number {
    const n = this.#load.get('n');
    return n > 0 ? this.#load.get('ms') / n : this.#priors().loadMs;
  }

  get outputTokens(): number {
    const n = this.#whole.get('n');
    return n > 0 ? this.#whole.get('tokens') / n : defaultOutputTokens;
  }

  get serviceMs(): number {
    const n = this.#whole.get('n');
    return n > 0 ? this.#whole.get('ms') / n : defaultOutputTokens * this.decodeMsPerToken(0);
  }

  get errorRate(): number {
    const n = this.#outcomes.get('n');
    return n > 0 ? this.#outcomes.get('faults') / n : 0;
  }

  get deviationMs(): number {
    const n = this.#whole.get('n');
    return n > 0 ? this.#whole.get('deviation') / n : 0;
  }

  /** A job that was answered to its end. */
  learn(now: number, sample: RateSample): void {
    this.#samples++;
    const promptTokens = sample.usage?.promptTokens ?? sample.promptTokens;
    const uncached = Math.max(1, promptTokens - (sample.usage?.cachedTokens ?? 0));
    const loadMs = sample.timings?.loadMs ?? 0;
    const prefillMs = sample.timings?.prefillMs ?? Math.max(0, sample.firstEventMs - loadMs);
    this.#prefill.add(now, { ms: prefillMs, tokens: uncached });
    const tokens = sample.usage?.completionTokens ?? 0;
    if (tokens > 0) {
      const decodeMs = sample.timings?.decodeMs ?? Math.max(0, sample.totalMs - loadMs - prefillMs);
      const perToken = decodeMs / tokens;
      this.#decode.add(now, {
        n: 1,
        x: sample.others,
        y: perToken,
        xx: sample.others ** 2,
        xy: sample.others * perToken,
      });
    }
    this.#whole.add(now, {
      n: 1,
      tokens,
      ms: sample.totalMs,
      deviation: Math.abs(sample.totalMs - sample.predictedMs),
    });
    this.#outcomes.add(now, { n: 1, faults: 0 });
  }

  learnLoad(now: number, ms: number): void {
    this.#load.add(now, { ms, n: 1 });
  }

  /** An attempt that the engine spoilt. */
  learnFault(now: number): void {
    this.#outcomes.add(now, { n: 1, faults: 1 });
  }
}
