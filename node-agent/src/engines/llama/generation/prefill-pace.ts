/** Fewer cost too much for what they save; see design.md for what pieces cost. */
const leastTokens = 4;
const firstTokens = 8;
/** Longest that a cancelled job, or the next token of another one, should wait for a piece of a prompt: a few tokens' time. */
const aimMs = 50;

/** How many tokens of a prompt are computed before somebody looks whether the answer is still wanted. */
export class PrefillPace {
  readonly #mostTokens: number;
  #tokens: number;

  /** `mostTokens`: what the library computes at once. */
  constructor(mostTokens: number) {
    this.#mostTokens = mostTokens;
    this.#tokens = Math.min(firstTokens, mostTokens);
  }

  get tokens(): number {
    return this.#tokens;
  }

  /** A whole piece took so long. */
  took(elapsedMs: number): void {
    const wanted = elapsedMs <= 0 ? this.#tokens * 2 : (this.#tokens * aimMs) / elapsedMs;
    // One slow piece on a busy machine is no new pace.
    const next = Math.min(this.#tokens * 2, Math.max(this.#tokens / 2, wanted));
    this.#tokens = Math.round(Math.min(this.#mostTokens, Math.max(Math.min(leastTokens, this.#mostTokens), next)));
  }
}
