/** Reading what an engine says about itself: every field may be missing or of another type, and is then left out. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function toObject(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

export function toObjects(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'object' && item !== null) : [];
}

export function toText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function toNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

export function toCount(value: unknown): number | undefined {
  const number = toNumber(value);
  return number !== undefined && number > 0 ? Math.floor(number) : undefined;
}

export function toTexts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
