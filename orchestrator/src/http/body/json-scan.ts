const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;

export interface JsonLimits {
  /** Deepest nesting of objects and lists. */
  readonly depth: number;
  /** Most values, weighed by what they cost to parse: `listWeight` and `textWeight` for those that cost more than a number. */
  readonly values: number;
}

/** What an object or a list counts, besides what is in it. */
const listWeight = 3;
/** What a text counts, or the name of a value: the parser looks short ones up in a table, and may make a class for a name. */
const textWeight = 10;

/** Text this long cannot weigh more than `values`, even if it were made of empty texts only. */
export function weightlessBytes(values: number): number {
  return Math.floor((values * 3) / (textWeight + 1));
}

export type ScanOutcome = 'more' | 'fits' | 'too-deep' | 'too-many';

/** Strings up to this long are read byte by byte: a search call costs more than that. */
const shortString = 48;

/**
 * Weighs JSON text before it is parsed, a part at a time. Looks at brackets, commas and strings only, so it also judges text that is
 * no JSON; what it lets through is still to be parsed. A long string (an image) is skipped by byte search.
 */
export class JsonScan {
  readonly #bytes: Buffer;
  readonly #limits: JsonLimits;
  #at = 0;
  #depth = 0;
  #weight = 0;
  #inString = false;

  constructor(bytes: Buffer, limits: JsonLimits) {
    this.#bytes = bytes;
    this.#limits = limits;
  }

  /** Goes on by about so many bytes. `more`: nothing is decided yet. */
  advance(byBytes: number): ScanOutcome {
    const bytes = this.#bytes;
    const { depth: deepest, values } = this.#limits;
    const until = Math.min(bytes.length, this.#at + byBytes);
    let at = this.#at;
    let depth = this.#depth;
    let weight = this.#weight;
    let inString = this.#inString;
    while (at < until) {
      if (inString) {
        const near = Math.min(bytes.length, at + shortString);
        at = skipString(bytes, at, near);
        inString = at < 0;
        if (inString) at = ~at;
        continue;
      }
      const byte = bytes[at++];
      if (byte === comma) {
        weight++;
      } else if (byte === 0x7b || byte === 0x5b) {
        depth++;
        weight += listWeight;
        if (depth > deepest) return 'too-deep';
      } else if (byte === 0x7d || byte === 0x5d) {
        depth--;
      } else if (byte === quote) {
        inString = true;
        weight += textWeight;
      } else {
        continue;
      }
      if (weight > values) return 'too-many';
    }
    this.#at = at;
    this.#depth = depth;
    this.#weight = weight;
    this.#inString = inString;
    return at < bytes.length ? 'more' : 'fits';
  }
}

/**
 * The index behind the quote that ends the string `start` lies in, or, as its complement, where to look on: behind a quote that was
 * escaped, or at the end of the text.
 */
function skipString(bytes: Buffer, start: number, near: number): number {
  let at = start;
  for (; at < near; at++) {
    const byte = bytes[at];
    if (byte === quote) return at + 1;
    if (byte === backslash) at++;
  }
  const end = bytes.indexOf(quote, at);
  if (end === -1) return ~bytes.length;
  let escapes = 0;
  while (end - escapes > at && bytes[end - 1 - escapes] === backslash) escapes++;
  return escapes % 2 === 0 ? end + 1 : ~(end + 1);
}
