import type { Clock } from '@waggle/shared/observing/clock.ts';

export interface StopConfirmationDeps {
  /** Requests the server has now; undefined where it does not tell. */
  readonly count: () => Promise<number | undefined>;
  /** Requests that may go on: this node's other jobs and those of others. */
  readonly expected: () => number;
  readonly clock: Clock;
}

interface Waiting {
  readonly until: number;
  readonly resolve: (stopped: { readonly estimated: boolean }) => void;
}

const firstPauseMs = 10;
const longestPauseMs = 250;
const atMostMs = 60_000;

/**
 * Waits until the server shows no more requests than are known to go on: then it has stopped the cancelled ones. A server that
 * does not tell is believed to have stopped with the connection, as an estimate. All that wait share one question.
 */
export class StopConfirmation {
  readonly #deps: StopConfirmationDeps;
  #waiting: Waiting[] = [];
  #pauseMs = firstPauseMs;
  #asking = false;

  constructor(deps: StopConfirmationDeps) {
    this.#deps = deps;
  }

  wait(): Promise<{ readonly estimated: boolean }> {
    const { promise, resolve } = Promise.withResolvers<{ readonly estimated: boolean }>();
    this.#waiting.push({ until: this.#deps.clock.now() + atMostMs, resolve });
    this.#pauseMs = firstPauseMs;
    if (!this.#asking) this.#ask();
    return promise;
  }

  #ask(): void {
    this.#asking = true;
    this.#deps.count().then(
      (count) => this.#told(count),
      () => this.#told(undefined),
    );
  }

  #told(count: number | undefined): void {
    this.#asking = false;
    const { clock, expected } = this.#deps;
    if (count === undefined || count <= expected()) {
      for (const { resolve } of this.#waiting.splice(0)) resolve({ estimated: count === undefined });
      return;
    }
    const now = clock.now();
    this.#waiting = this.#waiting.filter(({ until, resolve }) => {
      if (now < until) return true;
      resolve({ estimated: true });
      return false;
    });
    if (this.#waiting.length === 0) return;
    this.#asking = true;
    clock.schedule(this.#pauseMs, () => this.#ask());
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
  }
}
