import { notAnAnswer } from '../answers/stream-errors.ts';
import { toArray, toNumber } from '../json/json-value.ts';

/** A vector as OpenAI's APIs carry it: numbers, or little-endian 32-bit floats in base64. */
export function decodeVector(value: unknown): readonly number[] {
  if (typeof value === 'string') return decodeBase64(value);
  const list = toArray(value) ?? [];
  const vector = list.map(toNumber).filter((number) => number !== undefined);
  if (vector.length !== list.length || vector.length === 0) throw notAnAnswer('a vector that is not numbers');
  return vector;
}

function decodeBase64(text: string): readonly number[] {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length === 0 || bytes.length % 4 !== 0) throw notAnAnswer('a vector that is not base64 of 32-bit floats');
  return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4));
}

export function encodeVector(vector: readonly number[]): string {
  const bytes = Buffer.allocUnsafe(vector.length * 4);
  for (const [index, number] of vector.entries()) bytes.writeFloatLE(number, index * 4);
  return bytes.toString('base64');
}
