const leastMs = 200;
const mostMs = 5_000;

/** How long to wait before the next try to connect: doubled with each failure, spread by up to half. */
export class Backoff {
  readonly #random: () => number;
  #failures = 0;

  /** `random` gives 0 to below 1. */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Milliseconds, 200 to 5,000. */
  next(): number {
    const fullMs = Math.min(mostMs, leastMs * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 10);
    return Math.max(leastMs, fullMs * (0.5 + 0.5 * this.#random()));
  }

  reset(): void {
    this.#failures = 0;
  }
}
