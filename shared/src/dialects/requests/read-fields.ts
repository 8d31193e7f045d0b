import { isFilled, isObject, type JsonObject } from '../json/json-value.ts';
import { badRequest } from './unsupported.ts';

/*
 * Fields of a JSON object, for the APIs that no engine is asked in: what is there is checked, null counts as absent. `path` is
 * where the object stands in the body, empty for the body itself; it leads the message of the refusal.
 */

function at(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

export function wrongField(path: string, problem: string): Error {
  return badRequest(path, `${path}: ${problem}`);
}

function read<T>(
  value: unknown,
  path: string,
  kind: { readonly is: (value: unknown) => value is T; readonly name: string },
): T | undefined {
  if (value === undefined || value === null) return undefined;
  if (kind.is(value)) return value;
  throw wrongField(path, `must be ${kind.name}`);
}

const text = { is: (value: unknown): value is string => typeof value === 'string', name: 'a text' };
const number = { is: (value: unknown): value is number => typeof value === 'number', name: 'a number' };
const whole = { is: (value: unknown): value is number => Number.isSafeInteger(value), name: 'a whole number' };
const flag = { is: (value: unknown): value is boolean => typeof value === 'boolean', name: 'true or false' };
const object = { is: isObject, name: 'an object' };
const list = { is: (value: unknown): value is readonly unknown[] => Array.isArray(value), name: 'a list' };

export function readText(fields: JsonObject, key: string, path = ''): string | undefined {
  return read(fields[key], at(path, key), text);
}

/** A text that must be there and must not be empty. */
export function needText(fields: JsonObject, key: string, path = ''): string {
  const value = readText(fields, key, path);
  if (isFilled(value)) return value;
  throw wrongField(at(path, key), 'is required');
}

export function readNumber(fields: JsonObject, key: string, path = ''): number | undefined {
  return read(fields[key], at(path, key), number);
}

export function readInteger(fields: JsonObject, key: string, path = ''): number | undefined {
  return read(fields[key], at(path, key), whole);
}

export function readFlag(fields: JsonObject, key: string, path = ''): boolean | undefined {
  return read(fields[key], at(path, key), flag);
}

export function readObject(fields: JsonObject, key: string, path = ''): JsonObject | undefined {
  return read(fields[key], at(path, key), object);
}

export function readList(fields: JsonObject, key: string, path = ''): readonly unknown[] | undefined {
  return read(fields[key], at(path, key), list);
}

/** An item of a list, or the body, that must be an object. */
export function toFields(value: unknown, path: string): JsonObject {
  if (isObject(value)) return value;
  throw wrongField(path, 'must be an object');
}
