/** What was seen is believed this long; the operator may have changed the engine, or its memory is freer now. */
const believedMs = 600_000;
/** What was seen once is believed this long: somebody may have told the engine directly. If there is no room it soon happens again. */
const doubtedMs = 60_000;
/** Drops nearer together than this may have one cause, which has nothing to do with room. */
const oneCauseMs = 10_000;

/**
 * How many models an engine holds at once, as far as it was seen to drop one by itself when another was loaded: neither its
 * settings nor what a context needs beside the weights can be asked for.
 */
export class EngineRoom {
  #most = Number.POSITIVE_INFINITY;
  #believedUntil = 0;
  #droppedAt = Number.NEGATIVE_INFINITY;
  /** It unloads at once what it was not asked to keep. */
  isForgetful = false;

  most(now: number): number {
    return now < this.#believedUntil ? this.#most : Number.POSITIVE_INFINITY;
  }

  /** A model disappeared with a load; `left` are resident now. */
  dropped(now: number, left: number): void {
    const sinceMs = now - this.#droppedAt;
    const isSeenAgain = sinceMs >= oneCauseMs && sinceMs < believedMs;
    if (sinceMs >= oneCauseMs) this.#droppedAt = now;
    this.#most = Math.max(1, left);
    this.#believedUntil = Math.max(this.#believedUntil, now + (isSeenAgain ? believedMs : doubtedMs));
  }
}
