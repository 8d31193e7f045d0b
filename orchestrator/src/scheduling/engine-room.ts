/** What was seen is believed this long; the operator may have changed the engine, or its memory is freer now. */
const believedMs = 600_000;

/**
 * How many models an engine holds at once, as far as it was seen to drop one by itself when another was loaded: neither its
 * settings nor what a context needs beside the weights can be asked for.
 */
export class EngineRoom {
  #most = Number.POSITIVE_INFINITY;
  #seenAt = 0;

  most(now: number): number {
    return now - this.#seenAt < believedMs ? this.#most : Number.POSITIVE_INFINITY;
  }

  /** A load made it drop a model; `left` are resident now. */
  dropped(now: number, left: number): void {
    this.#most = Math.max(1, left);
    this.#seenAt = now;
  }
}
