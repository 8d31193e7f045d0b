import { wrongBody } from '@waggle/shared/dialects/go-json.ts';
import { isObject, type JsonObject } from '@waggle/shared/dialects/json-value.ts';
import type { HttpContext } from '../route.ts';
import type { BodyReader } from './body-reader.ts';
import { parseJson } from './parse-json.ts';

/**
 * Reads a small request's body as a JSON object, whatever content type it claims; null is an empty one. `struct` is what Ollama
 * calls the request. Rejects with `bad-request`.
 */
export type ReadObject = (context: HttpContext, struct: string) => Promise<JsonObject>;

export function createReadObject(bodies: BodyReader, maxJsonDepth: number): ReadObject {
  return async ({ env }, struct) => {
    const value = parseJson(await bodies.read(env.incoming), maxJsonDepth);
    if (value === null) return {};
    if (!isObject(value)) throw wrongBody(value, `api.${struct}`);
    return value;
  };
}
