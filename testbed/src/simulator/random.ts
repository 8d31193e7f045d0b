/** Numbers from a seed, equal on every machine. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Integer in [0, count). */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  /** Time to the next of independent arrivals. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next());
  }

  /** Skewed lengths around a median, as prompts and answers have them; at least 1 and at most `most`. */
  length(median: number, spread: number, most: number): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
    return Math.max(1, Math.min(most, Math.round(median * Math.exp(spread * normal))));
  }

  /** Index below `count`; the i-th comes 1/i as often as the first. */
  zipf(count: number): number {
    let total = 0;
    for (let rank = 1; rank <= count; rank++) total += 1 / rank;
    let point = this.next() * total;
    for (let rank = 1; rank < count; rank++) {
      point -= 1 / rank;
      if (point < 0) return rank - 1;
    }
    return count - 1;
  }
}
