const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;

/** A part of some bytes, its end excluded. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Index of the quote that ends the string whose content begins at `from`, or -1. */
export function endOfString(bytes: Uint8Array, from: number, limit: number): number {
  for (let at = from; at < limit; at++) {
    const byte = bytes[at];
    if (byte === quote) return at;
    if (byte === backslash) at++;
  }
  return -1;
}

/**
 * The value of a key of the outermost object, quotes included, if it is a string. Looks at structure, not at text: the same
 * key in an inner object or in a string is not taken for it. `bytes` is valid JSON from `start` on, or lies as deep as told.
 */
export function findTopLevelString(
  bytes: Uint8Array,
  key: string,
  start: number,
  end: number,
  startDepth = 0,
): ByteRange | undefined {
  const name = Buffer.from(key);
  let depth = startDepth;
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte === 0x7b || byte === 0x5b) depth++;
    else if (byte === 0x7d || byte === 0x5d) depth--;
    else if (byte === quote) {
      const close = endOfString(bytes, at + 1, end);
      if (close === -1) return undefined;
      const isKey = depth === 1 && close - at - 1 === name.length && isColonNext(bytes, close + 1, end);
      if (isKey && equalAt(bytes, at + 1, name)) return stringAfterColon(bytes, close + 1, end);
      at = close;
    }
  }
  return undefined;
}

function equalAt(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let index = 0; index < expected.length; index++) {
    if (bytes[at + index] !== expected[index]) return false;
  }
  return true;
}

function isColonNext(bytes: Uint8Array, from: number, end: number): boolean {
  return bytes[skipSpace(bytes, from, end)] === colon;
}

function stringAfterColon(bytes: Uint8Array, from: number, end: number): ByteRange | undefined {
  const start = skipSpace(bytes, skipSpace(bytes, from, end) + 1, end);
  if (bytes[start] !== quote) return undefined;
  const close = endOfString(bytes, start + 1, end);
  return close === -1 ? undefined : { start, end: close + 1 };
}

export function skipSpace(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && (bytes[at] === 0x20 || bytes[at] === 0x09 || bytes[at] === 0x0a || bytes[at] === 0x0d)) at++;
  return at;
}
