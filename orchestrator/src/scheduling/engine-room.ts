/** What was seen is believed this long; the operator may have changed the engine, or its memory is freer now. */
const believedMs = 600_000;
/** Drops nearer together than this may have one cause that has nothing to do with room: somebody who told the engine directly. */
const oneCauseMs = 10_000;

/**
 * How many models an engine holds at once, as far as it was seen to drop one by itself when another was loaded: neither its
 * settings nor what a context needs beside the weights can be asked for.
 */
export class EngineRoom {
  #most = Number.POSITIVE_INFINITY;
  #seenAt = 0;
  #droppedAt = Number.NEGATIVE_INFINITY;
  /** It unloads at once what it was not asked to keep. */
  isForgetful = false;

  most(now: number): number {
    return now - this.#seenAt < believedMs ? this.#most : Number.POSITIVE_INFINITY;
  }

  /** A model disappeared with a load; `left` are resident now. Believed when it happens again. */
  dropped(now: number, left: number): void {
    const sinceMs = now - this.#droppedAt;
    if (sinceMs < oneCauseMs) return;
    this.#droppedAt = now;
    if (sinceMs >= believedMs) return;
    this.#most = Math.max(1, left);
    this.#seenAt = now;
  }
}
