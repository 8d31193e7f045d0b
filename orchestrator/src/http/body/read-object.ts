import { wrongBody } from '@waggle/shared/dialects/json/go-json.ts';
import { isObject, type JsonObject } from '@waggle/shared/dialects/json/json-value.ts';
import type { HttpContext } from '../route.ts';
import type { BodyReader } from './body-reader.ts';
import type { JsonParser } from './parse-json.ts';

/**
 * Reads a small request's body as a JSON object, whatever content type it claims; null is an empty one. `struct` is what Ollama
 * calls the request. Rejects with `bad-request`.
 */
export type ReadObject = (context: HttpContext, struct: string) => Promise<JsonObject>;

export function createReadObject(bodies: BodyReader, json: JsonParser): ReadObject {
  return async ({ env }, struct) => {
    const body = await bodies.read(env.incoming);
    let value: unknown;
    try {
      value = json.isSmall(body) ? json.parse(body) : await json.parseLarge(body);
    } finally {
      bodies.release(body.length);
    }
    if (value === null) return {};
    if (!isObject(value)) throw wrongBody(value, `api.${struct}`);
    return value;
  };
}
