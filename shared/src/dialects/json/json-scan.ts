const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;
const comma = 0x2c;

/** A part of some bytes, its end excluded. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Strings up to this long are read byte by byte: a search call costs more than that. */
const shortString = 48;

/** Index of the quote that ends the string whose content begins at `from`, or -1. A long one (an image) is skipped by byte search. */
export function endOfString(bytes: Uint8Array, from: number, limit: number): number {
  let at = from;
  for (;;) {
    const near = Math.min(limit, at + shortString);
    for (; at < near; at++) {
      const byte = bytes[at];
      if (byte === quote) return at;
      if (byte === backslash) at++;
    }
    if (at >= limit) return -1;
    const end = bytes.indexOf(quote, at);
    if (end === -1 || end >= limit) return -1;
    let escapes = 0;
    while (end - escapes > at && bytes[end - 1 - escapes] === backslash) escapes++;
    if (escapes % 2 === 0) return end;
    at = end + 1;
  }
}

/** Index behind the JSON value that begins at `from`, or -1. Looks at quotes and brackets only. */
export function endOfValue(bytes: Uint8Array, from: number, limit: number): number {
  let depth = 0;
  for (let at = from; at < limit; at++) {
    const byte = bytes[at];
    if (byte === quote) {
      at = endOfString(bytes, at + 1, limit);
      if (at === -1) return -1;
      if (depth === 0) return at + 1;
    } else if (byte === 0x7b || byte === 0x5b) {
      depth++;
    } else if (byte === 0x7d || byte === 0x5d) {
      if (depth === 0) return at;
      depth--;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (byte === comma || isSpace(byte))) {
      return at;
    }
  }
  return -1;
}

/**
 * The value of a key of the outermost object, quotes included, if it is a string. The key is ASCII. Looks at structure, not at text: the same
 * key in an inner object or in a string is not taken for it. `bytes` is valid JSON from `start` on, or lies as deep as told.
 */
export function findTopLevelString(
  bytes: Uint8Array,
  key: string,
  start: number,
  end: number,
  startDepth = 0,
): ByteRange | undefined {
  let depth = startDepth;
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte === 0x7b || byte === 0x5b) depth++;
    else if (byte === 0x7d || byte === 0x5d) depth--;
    else if (byte === quote) {
      const close = endOfString(bytes, at + 1, end);
      if (close === -1) return undefined;
      const isKey = depth === 1 && close - at - 1 === key.length && isColonNext(bytes, close + 1, end);
      if (isKey && isTextAt(bytes, at + 1, key)) return stringAfterColon(bytes, close + 1, end);
      at = close;
    }
  }
  return undefined;
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
  while (at < end && isSpace(bytes[at])) at++;
  return at;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

/** Whether this text stands there. Only ASCII is recognised. */
export function isTextAt(bytes: Uint8Array, at: number, text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code > 0x7f || bytes[at + index] !== code) return false;
  }
  return true;
}
