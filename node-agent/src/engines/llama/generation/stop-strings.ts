import { overlapWithEnd } from './overlap.ts';

/** Looks for stop strings in text that comes in pieces; what might be the begin of one is held back until it is known. */
export class StopStrings {
  readonly #stops: readonly string[];
  #held = '';
  #isStopped = false;

  /** Empty strings stop nothing. */
  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== '');
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** The text that is certain now: without the stop string that was found first, and what follows it. */
  push(text: string): string {
    if (this.#stops.length === 0 || this.#isStopped) return this.#isStopped ? '' : text;
    const seen = this.#held + text;
    let end = -1;
    for (const stop of this.#stops) {
      const at = seen.indexOf(stop);
      if (at !== -1 && (end === -1 || at < end)) end = at;
    }
    if (end !== -1) {
      this.#isStopped = true;
      this.#held = '';
      return seen.slice(0, end);
    }
    const held = Math.max(...this.#stops.map((stop) => overlapWithEnd(seen, stop)));
    this.#held = seen.slice(seen.length - held);
    return seen.slice(0, seen.length - held);
  }

  /** What was held back and turned out to be text. */
  finish(): string {
    const rest = this.#held;
    this.#held = '';
    return rest;
  }
}
