/** Share of attempts that may be retries, and a floor that lets small clusters retry at all. */
const share = 0.1;
const windowMs = 60_000;
const floor = { count: 20, windowMs: 10_000 };
const buckets = 12;

/**
 * Bounds the retries that an engine's faults may cause: 10 % of the attempts of the last minute, but never fewer than 20 in
 * 10 s. Retries after a lost connection draw nothing.
 */
export class RetryBudget {
  readonly #attempts = new Array<number>(buckets).fill(0);
  readonly #retries = new Array<number>(buckets).fill(0);
  #bucket = 0;
  /** Times of the last retries under the floor. */
  #recent: number[] = [];

  attempted(now: number): void {
    this.#turn(now);
    this.#attempts[this.#bucket % buckets] = (this.#attempts[this.#bucket % buckets] ?? 0) + 1;
  }

  /** Takes one retry out of the budget; false: it is used up. */
  take(now: number): boolean {
    this.#turn(now);
    this.#recent = this.#recent.filter((at) => now - at < floor.windowMs);
    const spent = this.#retries.reduce((sum, count) => sum + count, 0);
    const allowed = share * this.#attempts.reduce((sum, count) => sum + count, 0);
    if (this.#recent.length >= floor.count && spent >= allowed) return false;
    if (this.#recent.length < floor.count) this.#recent.push(now);
    this.#retries[this.#bucket % buckets] = (this.#retries[this.#bucket % buckets] ?? 0) + 1;
    return true;
  }

  #turn(now: number): void {
    const bucket = Math.floor(now / (windowMs / buckets));
    for (let step = Math.max(this.#bucket + 1, bucket - buckets + 1); step <= bucket; step++) {
      this.#attempts[step % buckets] = 0;
      this.#retries[step % buckets] = 0;
    }
    this.#bucket = Math.max(this.#bucket, bucket);
  }
}
