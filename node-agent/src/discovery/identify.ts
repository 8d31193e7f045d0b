import type { Clock } from '@waggle/shared/observing/clock.ts';
import { askProbe, toJson } from '../engines/ask-json.ts';
import { EngineProblem } from '../engines/engine-problem.ts';
import { toText } from '../engines/json-facts.ts';
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
  const { origin, pathname } = new URL(address.url);
  const http = new EngineHttp({ origin, apiKey: address.apiKey, clock });
  const prefix = pathname === '/' ? '' : pathname;
  try {
    const reply = await askProbe(http, prefix + (address.dialect === 'ollama' ? '/api/version' : '/models'), signal);
    const body = toJson(reply);
    const isEngine =
      address.dialect === 'ollama'
        ? toText(body?.['version']) !== undefined
        : Array.isArray(body?.['data']) || body?.['data'] === null;
    // A llama-server that loads its model has no list yet.
    if (isEngine || (address.dialect === 'openai' && reply.status === 503)) return { kind: 'engine' };
    return { kind: 'other', what: await describe(http, reply.headers['content-type'], signal) };
  } catch (thrown) {
    if (!(thrown instanceof EngineProblem)) throw thrown;
    switch (thrown.kind) {
      case 'refused':
      case 'no-answer':
        return { kind: 'nobody' };
      case 'rejected':
        return { kind: 'engine' };
      case 'waggle':
      case 'not-an-engine':
      case 'loading':
        return { kind: 'other', what: thrown.message };
    }
  } finally {
    await http.close();
  }
}

/** What a person would recognise it by: the title of its page, else its server header. */
async function describe(http: EngineHttp, contentType: unknown, signal: AbortSignal): Promise<string> {
  const page = await askProbe(http, '/', signal).catch(() => undefined);
  const title = /<title[^>]*>([^<]{1,80})<\/title>/i
    .exec(page?.body.subarray(0, 65_536).toString('utf8') ?? '')?.[1]
    ?.trim();
  if (title) return `a web page ("${title}")`;
  const server = page?.headers['server'];
  if (typeof server === 'string') return `another server (${server.slice(0, 60)})`;
  return typeof contentType === 'string' && contentType.startsWith('text/html') ? 'a web page' : 'another server';
}
