import { parse } from '../answers/native-stream.ts';
import type { VectorWish } from '../dialect.ts';
import { isObject, type JsonObject, toArray } from '../json/json-value.ts';
import { unsupported } from '../requests/unsupported.ts';
import { encodeVector } from './vector-base64.ts';

/** What a request for embeddings says of its vectors; undefined: nothing that an engine might overlook. */
export function toVectorWish(body: JsonObject): VectorWish | undefined {
  const { dimensions, encoding_format: encoding } = body;
  const isBase64 = typeof encoding === 'string' && encoding.toLowerCase() === 'base64';
  const isShortened = typeof dimensions === 'number' && dimensions > 0;
  if (!isBase64 && !isShortened) return undefined;
  return { isBase64, ...(isShortened ? { dimensions, ifLonger: 'refuse' } : {}) };
}

/** A vector of no more numbers than were asked for. Throws `unsupported` where the API does not say how to shorten one. */
export function toWishedLength(vector: readonly number[], wish: VectorWish | undefined): readonly number[] {
  if (wish?.dimensions === undefined || vector.length <= wish.dimensions) return vector;
  if (wish.ifLonger === 'cut') return vector.slice(0, wish.dimensions);
  throw tooLong(vector.length, wish.dimensions);
}

function tooLong(length: number, wanted: number): Error {
  return unsupported(
    'dimensions',
    `the engine that serves this model gives vectors of ${length} numbers and cannot shorten them to ${wanted}`,
  );
}

/**
 * An engine's answer as its client wished it: several servers overlook `encoding_format` and send numbers, which clients that
 * asked for base64 take for something else. The very bytes that came, where there is nothing to do.
 */
export function toWishedVectors(body: Buffer, wish: VectorWish | undefined): Buffer {
  if (wish === undefined || (wish.dimensions === undefined && !listsNumbers(body))) return body;
  const answer = parse(body.toString('utf8'));
  const data = isObject(answer) ? toArray(answer['data']) : undefined;
  if (!isObject(answer) || data === undefined) return body;
  let isChanged = false;
  const wished = data.map((item) => {
    const vector = isObject(item) ? item['embedding'] : undefined;
    const length = lengthOf(vector);
    if (wish.dimensions !== undefined && length > wish.dimensions) throw tooLong(length, wish.dimensions);
    if (!wish.isBase64 || !isNumbers(vector)) return item;
    isChanged = true;
    return { ...(item as JsonObject), embedding: encodeVector(vector) };
  });
  return isChanged ? Buffer.from(JSON.stringify({ ...answer, data: wished })) : body;
}

/** Whether the first vector is a list. */
function listsNumbers(body: Buffer): boolean {
  const key = body.indexOf('"embedding"');
  if (key === -1) return false;
  const list = body.indexOf('[', key);
  const text = body.indexOf('"', key + '"embedding"'.length);
  return list !== -1 && (text === -1 || list < text);
}

function lengthOf(vector: unknown): number {
  if (typeof vector === 'string') return Buffer.byteLength(vector, 'base64') / 4;
  return Array.isArray(vector) ? vector.length : 0;
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((number) => typeof number === 'number');
}
