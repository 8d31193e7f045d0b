export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function toObject(value: unknown): JsonObject | undefined {
  return isObject(value) ? value : undefined;
}

export function toArray(value: unknown): readonly unknown[] | undefined {
  return Array.isArray(value) ? value : undefined;
}

export function toText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

export function toNumber(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

export function isFilled(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** More than blanks. */
export function isNamed(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}

/** A JSON text as an object; undefined if it is not one. */
export function parseObject(text: string): JsonObject | undefined {
  const first = text.trimStart().at(0);
  if (first !== '{') return undefined;
  try {
    return toObject(JSON.parse(text));
  } catch {
    return undefined;
  }
}
