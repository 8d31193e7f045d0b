import type { Clock } from '@waggle/shared/observing/clock.ts';
import { askAnybody, isRejection, toJson } from '../engines/ask-json.ts';
import { EngineProblem } from '../engines/engine-problem.ts';
import { toText } from '../engines/json-facts.ts';
import { readModelList } from '../engines/openai-compatible/model-list.ts';
import { toServerPaths } from '../engines/openai-compatible/paths.ts';
import type { EngineReply } from '../engines/transport/ask-engine.ts';
import { EngineHttp } from '../engines/transport/engine-http.ts';
import type { EngineAddress } from './engine-address.ts';

/** What answers at an address. */
export type Answerer =
  | { readonly kind: 'engine' }
  | { readonly kind: 'nobody' }
  /** Something else, or Waggle itself; named for a person. */
  | { readonly kind: 'other'; readonly what: string };

/** Looks who answers at an address where an engine of that dialect may be. */
export async function identify(address: EngineAddress, clock: Clock, signal: AbortSignal): Promise<Answerer> {
  const { origin, api, root } = toServerPaths(address.url);
  const http = new EngineHttp({ origin, apiKey: address.apiKey, clock });
  const ask = (path: string) => askAnybody(http, path, signal);
  try {
    const isOllama = address.dialect === 'ollama';
    const reply = await ask(isOllama ? `${api}/api/version` : `${api}/models`);
    const isEngine = isOllama ? answersAsOllama(reply) : await answersAsServer(reply, (path) => ask(root + path));
    return isEngine ? { kind: 'engine' } : { kind: 'other', what: await describe(reply, ask) };
  } catch (thrown) {
    if (!(thrown instanceof EngineProblem)) throw thrown;
    const isSilent = thrown.kind === 'refused' || thrown.kind === 'no-answer';
    return isSilent ? { kind: 'nobody' } : { kind: 'other', what: thrown.message };
  } finally {
    await http.close();
  }
}

type Ask = (path: string) => Promise<EngineReply>;

function answersAsOllama(reply: EngineReply): boolean {
  // An Ollama refuses names of its host that it does not know, without a word.
  if (reply.status === 403) return reply.body.length === 0;
  return /^\d+\.\d+/.test(toText(toJson(reply)?.['version']) ?? '');
}

async function answersAsServer(reply: EngineReply, ask: Ask): Promise<boolean> {
  return readModelList(reply) !== undefined || (isRejection(reply) && isJson(reply) && isVllm(ask));
}

/** A vLLM that wants a key wants it below `/v1` only. */
async function isVllm(ask: Ask): Promise<boolean> {
  const [version, metrics] = await Promise.all([ask('/version'), ask('/metrics')]);
  const told = toJson(version) ?? {};
  if (Object.keys(told).length === 1 && /^\d+\.\d+/.test(toText(told['version']) ?? '')) return true;
  return metrics.status === 200 && metrics.body.includes('vllm:');
}

function isJson({ headers }: EngineReply): boolean {
  return /\bjson\b/i.test(String(headers['content-type']));
}

/** What a person would recognise it by, and what to do where it may be an engine all the same. */
async function describe(reply: EngineReply, ask: Ask): Promise<string> {
  const isPage = String(reply.headers['content-type']).startsWith('text/html');
  const name = nameOf(isPage ? reply : await ask('/').catch(() => reply)) ?? (isPage ? 'a web page' : 'another server');
  if (!isRejection(reply)) return name;
  return `${name}, which wants a login or a key; if it is an engine, name it in config.yaml with its apiKeyEnv`;
}

/** By the title of its page, else its server header. */
function nameOf({ headers, body }: EngineReply): string | undefined {
  const [, title] = /<title[^>]*>([^<]{1,80})<\/title>/i.exec(body.subarray(0, 65_536).toString('utf8')) ?? [];
  if (title?.trim()) return `a web page ("${title.trim()}")`;
  const server = headers['server'];
  return typeof server === 'string' ? `another server (${server.slice(0, 60)})` : undefined;
}
