import type { OperationFrame, OperationName, OperationRequest } from '@waggle/shared/cluster/operation.ts';
import { toFailure } from '../engine-error.ts';
import { type JsonObject, toCount, toObject, toText } from '../json-facts.ts';
import type { EngineRequest } from '../transport/engine-call.ts';
import type { EngineHttp } from '../transport/engine-http.ts';
import { streamEngine } from '../transport/stream-engine.ts';

const routes: Readonly<
  Record<Exclude<OperationName, 'blob-head' | 'blob-put'>, Pick<EngineRequest, 'method' | 'path'>>
> = {
  show: { method: 'POST', path: '/api/show' },
  pull: { method: 'POST', path: '/api/pull' },
  push: { method: 'POST', path: '/api/push' },
  create: { method: 'POST', path: '/api/create' },
  copy: { method: 'POST', path: '/api/copy' },
  delete: { method: 'DELETE', path: '/api/delete' },
};

/** Work on models, by Ollama's own calls: its answers go on as they come, error answers included. */
export async function* runOllamaOperation(
  http: EngineHttp,
  pathPrefix: string,
  request: OperationRequest,
  content: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<OperationFrame, void, undefined> {
  const call = toRequest(request, content);
  for await (const part of streamEngine(http, { ...call, path: pathPrefix + call.path }, signal)) {
    if (part.type !== 'failed') yield part;
    else return yield { type: 'end', failure: toFailure(part.failure) };
  }
  yield { type: 'end' };
}

function toRequest({ name, bodyJson }: OperationRequest, content: AsyncIterable<Uint8Array>): EngineRequest {
  if (name !== 'blob-head' && name !== 'blob-put') return { ...routes[name], body: [Buffer.from(bodyJson)] };
  const facts: JsonObject = toObject(JSON.parse(bodyJson));
  const digest = toText(facts['digest']) ?? '';
  const path = `/api/blobs/${/^sha256[:-][0-9a-f]+$/.test(digest) ? digest : encodeURIComponent(digest)}`;
  if (name === 'blob-head') return { method: 'HEAD', path };
  const contentLength = toCount(facts['size']);
  return { method: 'POST', path, body: content, ...(contentLength === undefined ? {} : { contentLength }) };
}
