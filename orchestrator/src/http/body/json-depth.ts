const quote = 0x22;
const backslash = 0x5c;

/** Whether a parsed JSON value nests objects and lists deeper than `limit`. Goes no deeper than that itself. */
export function isValueDeeperThan(value: unknown, limit: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (limit === 0) return true;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object' && isValueDeeperThan(item, limit - 1)) return true;
    return false;
  }
  const fields = value as Readonly<Record<string, unknown>>;
  for (const name in fields) {
    const field = fields[name];
    if (typeof field === 'object' && isValueDeeperThan(field, limit - 1)) return true;
  }
  return false;
}

/**
 * The same of JSON text that is not parsed yet. Looks at brackets and strings only, so it also judges text that is no JSON;
 * what it lets through is still to be parsed. A long string (an image) is skipped by byte search.
 */
export function isTextDeeperThan(bytes: Buffer, limit: number): boolean {
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
