import type { JsonValue } from './log-line.ts';
import type { LogFacts } from './logger.ts';

/** A fact that is larger, as JSON, is cut. */
export const factMaxBytes = 4 * 1024;
/** All facts of a line as JSON. A little under 16 KiB, for what else stands in a line. */
export const factsMaxBytes = 15 * 1024;
export const maxFacts = 64;
const nameMaxLength = 64;
const maxDepth = 6;
/** A text inside an object or a list. */
const innerTextMaxBytes = 1024;
const maxItems = 50;
/** Values inside one fact: what a deep and wide object may cost. */
const maxValues = 500;

/**
 * The facts of a line as plain JSON within bounds: long texts are cut, deep and wide values are pruned, what does not fit
 * is counted under `factsLeftOut`. Takes anything and never throws.
 */
export function toBoundedFacts(facts: LogFacts | undefined): Readonly<Record<string, JsonValue>> {
  if (facts === undefined) return {};
  const bounded: [string, JsonValue][] = [];
  let left = factsMaxBytes;
  let leftOut = 0;
  for (const name of namesOf(facts)) {
    const value = readFact(facts, name);
    if (value === undefined) continue;
    const shownName = name.length > nameMaxLength ? name.slice(0, nameMaxLength) : name;
    const room = Math.min(factMaxBytes, left - jsonBytes(shownName) - 2);
    const fitting = bounded.length < maxFacts ? fit(value, room) : undefined;
    if (fitting === undefined) {
      leftOut++;
      continue;
    }
    bounded.push([shownName, fitting.value]);
    left -= jsonBytes(shownName) + 2 + fitting.bytes;
  }
  if (leftOut > 0) bounded.push(['factsLeftOut', leftOut]);
  // Not by assignment: `__proto__` is a name like any other here.
  return Object.fromEntries(bounded);
}

function namesOf(facts: LogFacts): readonly string[] {
  try {
    return Object.keys(facts);
  } catch {
    return [];
  }
}

function readFact(facts: LogFacts, name: string): JsonValue | undefined {
  try {
    return toPlain(facts[name], 0, { values: maxValues });
  } catch {
    return '[unreadable]';
  }
}

/** What is left of it to look at. */
interface Allowance {
  values: number;
}

function toPlain(value: unknown, depth: number, allowance: Allowance): JsonValue | undefined {
  switch (typeof value) {
    case 'string':
      return cutText(value, depth === 0 ? factMaxBytes : innerTextMaxBytes);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
      return value;
    case 'bigint':
      return String(value);
    case 'object':
      return value === null ? null : toPlainObject(value, depth, allowance);
    default:
      return undefined;
  }
}

function toPlainObject(value: object, depth: number, allowance: Allowance): JsonValue | undefined {
  if (depth >= maxDepth || allowance.values <= 0) return '[…]';
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (value instanceof Error) return toPlain(toErrorFacts(value), depth, allowance);
  if ('toJSON' in value && typeof value.toJSON === 'function') return toPlain(value.toJSON(), depth + 1, allowance);
  if (Array.isArray(value)) return toPlainArray(value, depth, allowance);
  const members: [string, JsonValue][] = [];
  for (const name in value) {
    if (!Object.hasOwn(value, name)) continue;
    if (members.length >= maxItems || allowance.values-- <= 0) {
      members.push(['…', '[more]']);
      break;
    }
    const member = toPlain((value as Record<string, unknown>)[name], depth + 1, allowance);
    if (member !== undefined) members.push([cutText(name, nameMaxLength), member]);
  }
  return Object.fromEntries(members);
}

function toPlainArray(items: readonly unknown[], depth: number, allowance: Allowance): JsonValue {
  const plain: JsonValue[] = [];
  for (const item of items) {
    if (plain.length >= maxItems || allowance.values-- <= 0) {
      plain.push(`[${items.length - plain.length} more]`);
      break;
    }
    plain.push(toPlain(item, depth + 1, allowance) ?? null);
  }
  return plain;
}

function toErrorFacts(error: Error): Record<string, unknown> {
  const { name, message, stack, cause } = error;
  return { name, message, ...('code' in error && { code: error.code }), ...(cause !== undefined && { cause }), stack };
}

/** The value, or as much of it as JSON of `room` bytes can hold; undefined: nothing worth it. */
function fit(value: JsonValue, room: number): { readonly value: JsonValue; readonly bytes: number } | undefined {
  const json = JSON.stringify(value);
  const bytes = Buffer.byteLength(json);
  if (bytes <= room) return { value, bytes };
  const text = typeof value === 'string' ? value : json;
  // Escapes make a text longer than its bytes: what is still too long is halved.
  for (let length = room - cutMarkBytes; length >= leastTextBytes; length = Math.trunc(length / 2)) {
    const cut = cutText(text, length);
    const cutBytes = jsonBytes(cut);
    if (cutBytes <= room) return { value: cut, bytes: cutBytes };
  }
  return undefined;
}

/** Quotes, and what is added to a text that was cut. */
const cutMarkBytes = 40;
const leastTextBytes = 32;

/** The beginning of a text, of at most so many bytes, and how much more there was. */
function cutText(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes) return text;
  const shown = text.slice(0, maxBytes);
  const bytes = Buffer.from(shown);
  if (bytes.byteLength <= maxBytes && shown.length === text.length) return text;
  let end = Math.min(maxBytes, bytes.byteLength);
  while (end > 0 && end < bytes.byteLength && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  const kept = bytes.toString('utf8', 0, end);
  return `${kept}… (${text.length - kept.length} more)`;
}

function jsonBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}
