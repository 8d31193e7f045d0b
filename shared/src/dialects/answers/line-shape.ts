import { type ByteRange, endOfString, skipSpace } from '../json/json-scan.ts';

const quote = 0x22;

/** String values that differ from line to line, by key, with the bits of `batchKind` that a non-empty one stands for. */
export type Holes = Readonly<Record<string, number>>;

/** Longer lines are read in full: they are rare, and most of their bytes differ each time. */
const longestLearned = 2_048;
const mostHoles = 8;

/**
 * What one line of a stream looks like apart from a few string values. The lines of a token stream are equal but for the token
 * and the time, so most are recognised by comparing bytes. This is exact, not a guess: a line of this shape is the learnt
 * JSON with other contents in those strings, for the end of each string is found by JSON's own rules.
 */
export class LineShape {
  /** Of the line `match` recognised last: bits of all holes that are not empty. */
  kinds = 0;
  /** Of the line `match` recognised last: where the marked value begins. */
  markedAt = -1;
  /** Length of the marked value; 0 without one. */
  readonly markedLength: number;
  readonly #literals: readonly Uint8Array[];
  readonly #bits: readonly number[];
  readonly #markedLiteral: number;
  readonly #markedOffset: number;

  private constructor(
    literals: Uint8Array[],
    bits: number[],
    marked: { literal: number; offset: number; length: number },
  ) {
    this.#literals = literals;
    this.#bits = bits;
    this.#markedLiteral = marked.literal;
    this.#markedOffset = marked.offset;
    this.markedLength = marked.length;
  }

  /**
   * The shape of the JSON line or event in `line`, line end included. `marked` is a value to be found again in every line
   * (the model name). Undefined where there is nothing to gain.
   */
  static learn(bytes: Uint8Array, line: ByteRange, holes: Holes, marked?: ByteRange): LineShape | undefined {
    if (line.end - line.start > longestLearned) return undefined;
    const found = findHoles(bytes, line, holes);
    if (found.length === 0 || found.length > mostHoles) return undefined;
    const literals: Uint8Array[] = [];
    const bits: number[] = [];
    const place = { literal: -1, offset: 0, length: 0 };
    let from = line.start;
    const close = (to: number): void => {
      if (marked !== undefined && marked.start >= from && marked.end <= to) {
        place.literal = literals.length;
        place.offset = marked.start - from;
        place.length = marked.end - marked.start;
      }
      literals.push(Uint8Array.prototype.slice.call(bytes, from, to));
    };
    for (const hole of found) {
      close(hole.start);
      bits.push(hole.bits);
      from = hole.end;
    }
    close(line.end);
    if (marked !== undefined && place.literal === -1) return undefined;
    return new LineShape(literals, bits, place);
  }

  /** The end of the line that begins at `start`, if it is of this shape and complete; else -1. */
  match(bytes: Uint8Array, start: number): number {
    const literals = this.#literals;
    const limit = bytes.length;
    let at = start;
    let kinds = 0;
    for (let index = 0; index < literals.length; index++) {
      const literal = literals[index] as Uint8Array;
      const length = literal.length;
      if (limit - at < length) return -1;
      if (index === this.#markedLiteral) this.markedAt = at + this.#markedOffset;
      for (let offset = 0; offset < length; offset++) {
        if (bytes[at + offset] !== literal[offset]) return -1;
      }
      at += length;
      if (index === literals.length - 1) break;
      const close = endOfString(bytes, at, limit);
      if (close === -1) return -1;
      if (close > at) kinds |= this.#bits[index] as number;
      at = close;
    }
    this.kinds = kinds;
    return at;
  }
}

interface Hole extends ByteRange {
  readonly bits: number;
}

/** The contents of the strings under the keys of `holes`, at any depth. */
function findHoles(bytes: Uint8Array, line: ByteRange, holes: Holes): Hole[] {
  const found: Hole[] = [];
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = line.start; at < line.end; at++) {
    if (bytes[at] !== quote) continue;
    const close = endOfString(bytes, at + 1, line.end);
    if (close === -1) return [];
    const colonAt = skipSpace(bytes, close + 1, line.end);
    const key = text.toString('latin1', at + 1, close);
    at = close;
    if (bytes[colonAt] !== 0x3a || !Object.hasOwn(holes, key)) continue;
    const value = skipSpace(bytes, colonAt + 1, line.end);
    if (bytes[value] !== quote) continue;
    const end = endOfString(bytes, value + 1, line.end);
    if (end === -1) return [];
    found.push({ start: value + 1, end, bits: holes[key] ?? 0 });
    at = end;
  }
  return found;
}
