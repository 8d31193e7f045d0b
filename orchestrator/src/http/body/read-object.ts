import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { HttpContext } from '../route.ts';
import type { BodyReader } from './body-reader.ts';
import { parseJson } from './parse-json.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** Reads a small request's body as a JSON object, whatever content type it claims. Rejects with `bad-request`. */
export type ReadObject = (context: HttpContext) => Promise<JsonObject>;

export function createReadObject(bodies: BodyReader, maxJsonDepth: number): ReadObject {
  return async ({ env }) => {
    const value = parseJson(await bodies.read(env.incoming), maxJsonDepth);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new ClusterError('bad-request', 'the request body must be a JSON object');
    }
    return value as JsonObject;
  };
}
