import { isObject, type JsonObject } from '../json/json-value.ts';

/** The keys a reader knows of an object, each with those of the objects below it. */
export type KnownKeys = ReadonlyMap<string, KnownKeys | null>;

/** Keys with nothing known below them, separated by spaces, and those with something. Lists are looked through. */
export function knownKeys(plain: string, nested: Readonly<Record<string, KnownKeys>> = {}): KnownKeys {
  return new Map<string, KnownKeys | null>([
    ...plain.split(' ').map((key) => [key, null] as const),
    ...Object.entries(nested),
  ]);
}

/**
 * Go reads a key of JSON whatever its case, and of several that are one the last that is not null. So do those who are used to
 * it: the value with its known keys as they are defined, or the very same value where they are written so already.
 */
export function withKnownKeys(value: unknown, known: KnownKeys): unknown {
  if (Array.isArray(value)) return withKnownItems(value, known);
  if (!isObject(value)) return value;
  for (const key in value) {
    const below = known.get(key);
    if (below === null) continue;
    const isOther = below === undefined ? spelled(key, known) !== key : withKnownKeys(value[key], below) !== value[key];
    if (isOther) return rewritten(value, known);
  }
  return value;
}

function withKnownItems(list: readonly unknown[], known: KnownKeys): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let index = 0; index < list.length; index++) {
    const item = withKnownKeys(list[index], known);
    if (item === list[index]) continue;
    copy ??= [...list];
    copy[index] = item;
  }
  return copy ?? list;
}

function rewritten(value: JsonObject, known: KnownKeys): JsonObject {
  const fields = new Map<string, unknown>();
  for (const [key, given] of Object.entries(value)) {
    const name = spelled(key, known);
    if (given === null && fields.has(name)) continue;
    const below = known.get(name);
    fields.set(name, below ? withKnownKeys(given, below) : given);
  }
  return Object.fromEntries(fields);
}

/** Letters that are not lower case, and the two that are so only for Go: the long s and the Kelvin sign. */
const otherCase = /[A-Z\u017f\u212a]/;
const longestKey = 64;

function spelled(key: string, known: KnownKeys): string {
  if (key.length > longestKey || !otherCase.test(key)) return key;
  const folded = key.replaceAll('\u017f', 's').toLowerCase();
  return !known.has(key) && known.has(folded) ? folded : key;
}
