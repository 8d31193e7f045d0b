import type { ModelRewrite } from '../dialect.ts';
import { type ByteRange, findTopLevelString } from '../json/json-scan.ts';
import { isObject, type JsonObject } from '../json/json-value.ts';

/** Smaller bodies are parsed whole. */
const parsedWholeBelow = 16 * 1024;

/**
 * The outermost fields of an embedding answer without its numbers: megabytes of them are not parsed to read a token count. Where
 * the body is not built as expected it is parsed after all; undefined if it is no JSON object.
 */
export function parseOutsideArrays(bytes: Buffer): JsonObject | undefined {
  if (bytes.length >= parsedWholeBelow) {
    const outside = parse(withoutArrays(bytes));
    if (outside !== undefined) return outside;
  }
  return parse(bytes.toString('utf8'));
}

function withoutArrays(bytes: Buffer): string {
  const first = bytes.indexOf(0x5b);
  const last = bytes.lastIndexOf(0x5d);
  if (first === -1 || last < first) return '';
  return `${bytes.toString('utf8', 0, first)}[]${bytes.toString('utf8', last + 1)}`;
}

function parse(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A whole body with its outermost `model` replaced; the very bytes that came if it says that name already, or none. */
export function withModel(bytes: Buffer, rewriteModel: ModelRewrite | undefined): Buffer {
  if (rewriteModel === undefined) return bytes;
  const model = findModel(bytes);
  if (model === undefined) return bytes;
  const name = Buffer.from(JSON.stringify(rewriteModel.to));
  if (name.compare(bytes, model.start, model.end) === 0) return bytes;
  return Buffer.concat([bytes.subarray(0, model.start), name, bytes.subarray(model.end)]);
}

function findModel(bytes: Buffer): ByteRange | undefined {
  if (bytes.length < parsedWholeBelow) return findTopLevelString(bytes, 'model', 0, bytes.length);
  // Before and behind all arrays first; a scan of everything in between would cost milliseconds.
  const first = bytes.indexOf(0x5b);
  const last = bytes.lastIndexOf(0x5d);
  return (
    (first === -1 ? undefined : findTopLevelString(bytes, 'model', 0, first)) ??
    (last === -1 ? undefined : findTopLevelString(bytes, 'model', last + 1, bytes.length, 1)) ??
    findTopLevelString(bytes, 'model', 0, bytes.length)
  );
}
