/**
 * Sums whose old samples fade by half every `halfLifeMs`. A mean is a ratio of two such sums, so it needs no start value
 * and many samples at one instant count as many.
 */
export class DecayedSums<Name extends string> {
  readonly #halfLifeMs: number;
  readonly #sums: Record<Name, number>;
  readonly #names: readonly Name[];
  #at = 0;

  constructor(names: readonly Name[], halfLifeMs: number) {
    this.#names = names;
    this.#halfLifeMs = halfLifeMs;
    this.#sums = Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
  }

  add(now: number, sample: Readonly<Record<Name, number>>): void {
    const elapsed = now - this.#at;
    const keep = elapsed <= 0 ? 1 : 0.5 ** (elapsed / this.#halfLifeMs);
    for (const name of this.#names) this.#sums[name] = this.#sums[name] * keep + sample[name];
    if (elapsed > 0) this.#at = now;
  }

  /** Undecayed since the last sample: good for ratios, which is all a mean needs. */
  get(name: Name): number {
    return this.#sums[name];
  }
}
