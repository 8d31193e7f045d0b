import { DecayedSums } from './decayed-stats.ts';
import type { RatePriors } from './rates.ts';

const halfLifeMs = 600_000;
/** Usual length of an answer in tokens before any was seen. */
const defaultOutputTokens = 200;

/** What the places of a cluster teach about one another. */
export class ClusterRates {
  readonly calibration = new Calibration();
  readonly #answers = new Map<string, AnswerLength>();

  /** Answers of one model are equally long wherever it runs; `key` is shared by all spellings of its name. */
  answers(key: string): AnswerLength {
    let answers = this.#answers.get(key);
    if (answers === undefined) {
      answers = new AnswerLength();
      this.#answers.set(key, answers);
    }
    return answers;
  }
}

export class AnswerLength {
  readonly #sums = new DecayedSums(['n', 'tokens'], halfLifeMs);

  get tokens(): number {
    const n = this.#sums.get('n');
    return n > 0 ? this.#sums.get('tokens') / n : defaultOutputTokens;
  }

  learn(now: number, tokens: number): void {
    this.#sums.add(now, { n: 1, tokens });
  }
}

/**
 * By how much the machines of this cluster differ from what their hardware made expect. Without it a place nobody has tried
 * is a guess compared with a measurement, and may never be tried.
 */
export class Calibration {
  readonly prefill = new Ratio();
  readonly decode = new Ratio();
  readonly load = new Ratio();

  /** Changes whenever `apply` may give something else. */
  get version(): number {
    return this.prefill.count + this.decode.count + this.load.count;
  }

  apply(priors: RatePriors): RatePriors {
    return {
      prefillMsPerToken: priors.prefillMsPerToken * this.prefill.mean,
      decodeMsPerToken: priors.decodeMsPerToken * this.decode.mean,
      loadMs: priors.loadMs * this.load.mean,
    };
  }
}

/** Geometric mean of measured over expected; 1 before anything was measured. */
class Ratio {
  /** Samples so far. */
  count = 0;
  readonly #sums = new DecayedSums(['n', 'log'], halfLifeMs);

  get mean(): number {
    const n = this.#sums.get('n');
    return n > 0 ? Math.exp(this.#sums.get('log') / n) : 1;
  }

  learn(now: number, measured: number, expected: number): void {
    if (measured <= 0 || expected <= 0) return;
    this.#sums.add(now, { n: 1, log: Math.log(measured / expected) });
    this.count++;
  }
}
