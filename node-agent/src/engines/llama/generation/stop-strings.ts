import { overlapWithEnd } from './overlap.ts';

/** Looks for stop strings in text that comes in pieces; what might be the begin of one is held back until it is known. */
export class StopStrings {
  readonly #stops: readonly string[];
  #held = '';
  #found: string | undefined;

  /** Empty strings stop nothing. */
  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== '');
  }

  /** The stop string that ended the text. */
  get found(): string | undefined {
    return this.#found;
  }

  /** The text that is certain now: without the stop string that was found first, and what follows it. */
  push(text: string): string {
    if (this.#found !== undefined) return '';
    if (this.#stops.length === 0) return text;
    const seen = this.#held + text;
    let end = -1;
    for (const stop of this.#stops) {
      const at = seen.indexOf(stop);
      if (at === -1 || (end !== -1 && at >= end)) continue;
      end = at;
      this.#found = stop;
    }
    if (end !== -1) {
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
