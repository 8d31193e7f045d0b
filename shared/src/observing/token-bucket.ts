interface Rate {
  readonly perSecond: number;
  /** What may be taken at once after a pause. */
  readonly burst: number;
}

/** So many of something a second, and a burst after a pause. */
export class TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #filledAt: number;

  constructor(rate: Rate, now: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#filledAt = now;
  }

  /** Takes `count` unless less than `reserve` would be left. */
  take(count: number, now: number, reserve = 0): boolean {
    const { perSecond, burst } = this.#rate;
    if (now > this.#filledAt) {
      this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) / 1000) * perSecond);
      this.#filledAt = now;
    }
    if (this.#tokens - count < reserve) return false;
    this.#tokens -= count;
    return true;
  }
}
