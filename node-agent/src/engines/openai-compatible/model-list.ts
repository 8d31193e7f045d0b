import { readEngineWords } from '@waggle/shared/dialects/failures/engine-words.ts';
import { toJson } from '../ask-json.ts';
import { type JsonObject, toObjects, toText } from '../json-facts.ts';
import type { EngineReply } from '../transport/ask-engine.ts';

/**
 * What a server answered when it was asked for its models: their entries; `loading`: it is a llama-server that has none yet;
 * undefined: no server of this kind answers so. Many a web application has JSON with a `data` in it.
 */
export function readModelList(reply: EngineReply): readonly JsonObject[] | 'loading' | undefined {
  if (reply.status === 503) return isLoading(reply.body.toString('utf8')) ? 'loading' : undefined;
  const body = toJson(reply);
  const data = body?.['data'];
  const isList = body?.['object'] === 'list';
  // An Ollama without models.
  if (data === null && isList) return [];
  if (!Array.isArray(data) || (data.length === 0 && !isList)) return undefined;
  const entries = toObjects(data).filter((entry) => toText(entry['id']) !== undefined);
  return entries.length === data.length ? entries : undefined;
}

function isLoading(body: string): boolean {
  return body.startsWith('{') && /\bloading\b/i.test(readEngineWords(body).message);
}
