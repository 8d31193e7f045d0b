const quote = 0x22;
const backslash = 0x5c;

/**
 * Whether JSON text nests objects and lists deeper than `limit`. Looks at brackets and strings only, so it also judges
 * text that is no JSON; what it lets through is still to be parsed. A long string (an image) is skipped by byte search.
 */
export function isDeeperThan(text: Uint8Array, limit: number): boolean {
  const bytes = Buffer.from(text.buffer, text.byteOffset, text.byteLength);
  let depth = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === 0x7b || byte === 0x5b) {
      depth++;
      if (depth > limit) return true;
    } else if (byte === 0x7d || byte === 0x5d) {
      depth--;
    } else if (byte === quote) {
      at = endOfString(bytes, at + 1);
    }
  }
  return false;
}

/** Strings up to this long are read byte by byte: a search call costs more than that. */
const shortString = 48;

/** Index of the quote that ends the string, or the length of the text. */
function endOfString(bytes: Buffer, start: number): number {
  const near = Math.min(bytes.length, start + shortString);
  let at = start;
  for (; at < near; at++) {
    const byte = bytes[at];
    if (byte === quote) return at;
    if (byte === backslash) at++;
  }
  for (;;) {
    const end = bytes.indexOf(quote, at);
    if (end === -1) return bytes.length;
    let escapes = 0;
    while (end - escapes > at && bytes[end - 1 - escapes] === backslash) escapes++;
    if (escapes % 2 === 0) return end;
    at = end + 1;
  }
}
