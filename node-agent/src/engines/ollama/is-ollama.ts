import { askProbe, toJson } from '../ask-json.ts';
import { toObjects, toText } from '../json-facts.ts';
import type { EngineReply } from '../transport/ask-engine.ts';
import type { EngineHttp } from '../transport/engine-http.ts';

/**
 * Whether a server that was named by its `/v1` is an Ollama. Gateways answer `/api/version` and more as well, and stay what they
 * were named: an Ollama greets as one, knows no `/health`, and lists the same models under both of its APIs. Rejects with an
 * EngineProblem where there is no answer.
 */
export async function isOllama(http: EngineHttp, pathPrefix: string, signal: AbortSignal): Promise<boolean> {
  const ask = (path: string) => askProbe(http, pathPrefix + path, signal);
  if (!isPlain(await ask('/'), 200, 'Ollama is running')) return false;
  const [health, version, tags, models] = await Promise.all([
    ask('/health'),
    ask('/api/version'),
    ask('/api/tags'),
    ask('/v1/models'),
  ]);
  if (!isPlain(health, 404, '404 page not found') || toText(toJson(version)?.['version']) === undefined) return false;
  const [tagged, listed] = [toJson(tags)?.['models'], toJson(models)?.['data']];
  return toNames(tagged, 'name') === toNames(listed, 'id');
}

function isPlain({ status, headers, body }: EngineReply, wanted: number, text: string): boolean {
  const isText = String(headers['content-type']).startsWith('text/plain');
  return status === wanted && isText && body.toString('utf8').trim() === text;
}

function toNames(list: unknown, key: string): string {
  const names = toObjects(list).map((entry) => toText(entry[key]) ?? '');
  return names.toSorted().join('\n');
}
