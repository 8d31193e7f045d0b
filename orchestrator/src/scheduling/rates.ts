import type { Timings, Usage } from '@waggle/shared/chat/chat-event.ts';
import { AnswerLength, Calibration } from './cluster-rates.ts';
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
  /** Usual length of an answer in tokens, over all places of the model. */
  readonly outputTokens: number;
  /** Share of attempts that ended in an engine fault. */
  readonly errorRate: number;
  /** Mean absolute difference between the real time of a job and what these rates make of its real lengths, in milliseconds. */
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
}

export class Rates implements RatesView {
  readonly #priors: () => RatePriors;
  readonly #calibration: Calibration;
  readonly #answers: AnswerLength;
  readonly #prefill = new DecayedSums(['ms', 'tokens'], halfLifeMs);
  /** Least squares of milliseconds per token over the number of other running jobs. */
  readonly #decode = new DecayedSums(['n', 'x', 'y', 'xx', 'xy'], halfLifeMs);
  readonly #load = new DecayedSums(['ms', 'n'], halfLifeMs * 10);
  readonly #whole = new DecayedSums(['n', 'ms'], halfLifeMs);
  readonly #deviation = new DecayedSums(['n', 'ms'], halfLifeMs);
  readonly #outcomes = new DecayedSums(['n', 'faults'], halfLifeMs);
  #samples = 0;
  /** Derived once for each sample, as they are read far more often. */
  #figures: Figures = nothing;
  #guess: { readonly priors: RatePriors; readonly version: number; readonly calibrated: RatePriors } | undefined;

  /** `priors` are those of the hardware alone; `shared` is what other places taught. */
  constructor(
    priors: () => RatePriors,
    shared: { readonly calibration: Calibration; readonly answers: AnswerLength } = {
      calibration: new Calibration(),
      answers: new AnswerLength(),
    },
  ) {
    this.#priors = priors;
    this.#calibration = shared.calibration;
    this.#answers = shared.answers;
  }

  get samples(): number {
    return this.#samples;
  }

  get prefillMsPerToken(): number {
    return this.#figures.prefill ?? this.#expected().prefillMsPerToken;
  }

  decodeMsPerToken(others: number): number {
    const { decode } = this.#figures;
    if (decode === undefined) return this.#expected().decodeMsPerToken;
    return Math.max(decode.least, decode.alone + decode.slope * others);
  }

  get loadMs(): number {
    return this.#figures.load ?? this.#expected().loadMs;
  }

  get outputTokens(): number {
    return this.#answers.tokens;
  }

  get serviceMs(): number {
    return this.#figures.service ?? this.#answers.tokens * this.decodeMsPerToken(0);
  }

  get errorRate(): number {
    return this.#figures.errorRate ?? 0;
  }

  get deviationMs(): number {
    return this.#figures.deviation ?? 0;
  }

  /** A job that was answered to its end. */
  learn(now: number, sample: RateSample): void {
    const promptTokens = sample.usage?.promptTokens ?? sample.promptTokens;
    const uncached = Math.max(1, promptTokens - (sample.usage?.cachedTokens ?? 0));
    const tokens = sample.usage?.completionTokens ?? 0;
    const { prefillMs, decodeMs } = this.#split(sample, uncached, tokens);
    // A first guess from the hardware says nothing about how steady the place is.
    if (this.#samples > 0) {
      const expectedMs = uncached * this.prefillMsPerToken + tokens * this.decodeMsPerToken(sample.others);
      this.#deviation.add(now, { n: 1, ms: Math.abs(prefillMs + decodeMs - expectedMs) });
    }
    this.#samples++;
    this.#prefill.add(now, { ms: prefillMs, tokens: uncached });
    const priors = this.#priors();
    this.#calibration.prefill.learn(now, prefillMs / uncached, priors.prefillMsPerToken);
    if (tokens > 0) {
      const perToken = decodeMs / tokens;
      this.#decode.add(now, {
        n: 1,
        x: sample.others,
        y: perToken,
        xx: sample.others ** 2,
        xy: sample.others * perToken,
      });
      this.#answers.learn(now, tokens);
      this.#calibration.decode.learn(now, perToken, priors.decodeMsPerToken);
    }
    this.#whole.add(now, { n: 1, ms: sample.totalMs });
    this.#outcomes.add(now, { n: 1, faults: 0 });
    this.#derive();
  }

  #derive(): void {
    this.#figures = {
      prefill: toMean(this.#prefill, 'ms', 'tokens'),
      decode: toLine(this.#decode),
      load: toMean(this.#load, 'ms', 'n'),
      service: toMean(this.#whole, 'ms', 'n'),
      errorRate: toMean(this.#outcomes, 'faults', 'n'),
      deviation: toMean(this.#deviation, 'ms', 'n'),
    };
  }

  /** What to expect where nothing was measured. */
  #expected(): RatePriors {
    const priors = this.#priors();
    const { version } = this.#calibration;
    if (this.#guess?.priors !== priors || this.#guess.version !== version)
      this.#guess = { priors, version, calibrated: this.#calibration.apply(priors) };
    return this.#guess.calibrated;
  }

  /** The engine's own figures where it tells them, else the times seen from here. */
  #split(sample: RateSample, uncached: number, tokens: number): { prefillMs: number; decodeMs: number } {
    const { timings, firstEventMs, totalMs, others } = sample;
    const workMs = Math.max(0, totalMs - (timings?.loadMs ?? 0));
    // A whole answer comes in one piece, so nothing was seen between: its time is divided as was expected.
    if (timings?.prefillMs === undefined && tokens > 1 && totalMs - firstEventMs <= Math.max(2, totalMs / 100)) {
      const prefill = uncached * this.prefillMsPerToken;
      const expected = prefill + tokens * this.decodeMsPerToken(others);
      const share = expected > 0 ? prefill / expected : 0;
      return { prefillMs: workMs * share, decodeMs: timings?.decodeMs ?? workMs * (1 - share) };
    }
    const prefillMs = timings?.prefillMs ?? Math.max(0, firstEventMs - (timings?.loadMs ?? 0));
    return { prefillMs, decodeMs: timings?.decodeMs ?? Math.max(0, workMs - prefillMs) };
  }

  learnLoad(now: number, ms: number): void {
    this.#load.add(now, { ms, n: 1 });
    this.#calibration.load.learn(now, ms, this.#priors().loadMs);
    this.#derive();
  }

  /** An attempt that the engine spoilt. */
  learnFault(now: number): void {
    this.#outcomes.add(now, { n: 1, faults: 1 });
    this.#derive();
  }
}

/** What follows from the samples; undefined: there were none. */
interface Figures {
  readonly prefill: number | undefined;
  readonly decode: { readonly alone: number; readonly slope: number; readonly least: number } | undefined;
  readonly load: number | undefined;
  readonly service: number | undefined;
  readonly errorRate: number | undefined;
  readonly deviation: number | undefined;
}

const nothing: Figures = {
  prefill: undefined,
  decode: undefined,
  load: undefined,
  service: undefined,
  errorRate: undefined,
  deviation: undefined,
};

function toMean<Name extends string>(sums: DecayedSums<Name>, sum: Name, count: Name): number | undefined {
  const n = sums.get(count);
  return n > 0 ? sums.get(sum) / n : undefined;
}

/** Milliseconds per token over the number of other jobs; flat where there was always the same company. */
function toLine(sums: DecayedSums<'n' | 'x' | 'y' | 'xx' | 'xy'>): Figures['decode'] {
  const n = sums.get('n');
  if (n <= 0) return undefined;
  const mean = sums.get('y') / n;
  const meanOthers = sums.get('x') / n;
  const variance = sums.get('xx') / n - meanOthers ** 2;
  const slope = variance < 0.01 ? 0 : Math.max(0, (sums.get('xy') / n - meanOthers * mean) / variance);
  return { alone: mean - slope * meanOthers, slope, least: mean / 4 };
}
