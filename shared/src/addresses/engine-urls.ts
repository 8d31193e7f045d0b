// Addresses of engines as people write them → base URLs.
import type { DialectName } from '../chat/endpoints.ts';
import { isUnspecifiedHost, parseHost } from './hosts.ts';

const ollamaPort = '11434';

export type UrlResult =
  | { readonly ok: true; readonly dialect: DialectName; readonly url: string }
  | { readonly ok: false; readonly problem: string };

/**
 * A base URL whose family is read off its end: `/v1` is OpenAI-compatible, `/api` or anything else is Ollama.
 * A family that was named must agree; a bare OpenAI-compatible address gets its `/v1`. A problem is worded to follow the name
 * of the key, and repeats nothing that may be secret.
 */
export function parseEngineUrl(text: string, named?: DialectName): UrlResult {
  const url = parseHttpUrl(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  if (typeof url === 'string') return { ok: false, problem: url };
  const path = url.pathname.replace(/\/+$/, '');
  const endsInV1 = /\/v1$/i.test(path);
  const endsInApi = /\/api$/i.test(path);
  const dialect = named ?? (endsInV1 ? 'openai' : 'ollama');
  if (dialect === 'ollama') {
    if (endsInV1) return { ok: false, problem: 'ends in /v1, which Ollama is not driven by; leave it off' };
    return { ok: true, dialect, url: toBase(url, endsInApi ? path.slice(0, -'/api'.length) : path) };
  }
  if (endsInApi) return { ok: false, problem: 'ends in /api, which is no OpenAI-compatible path; end it in /v1' };
  return { ok: true, dialect, url: toBase(url, path === '' ? '/v1' : path) };
}

/**
 * The URL that OLLAMA_HOST means: port 11434 unless a scheme is given (then its own), a path is kept. Servers are told to
 * listen on every interface by the same variable; such an address is dialled on loopback. Undefined if it cannot be read.
 */
export function parseOllamaHost(text: string): string | undefined {
  const trimmed = text.trim().replace(/^(["'])(.*)\1$/, '$2');
  const [, scheme, rest] = /^(?:(https?):\/\/)?(.*)$/i.exec(trimmed) ?? [];
  if (rest === undefined) return undefined;
  const slash = rest.indexOf('/');
  const address = slash === -1 ? rest : rest.slice(0, slash);
  const path = slash === -1 ? '' : rest.slice(slash);
  const bare = parseHost(address);
  const [, namedHost, namedPort] = bare === undefined ? (/^(.*?)(?::(\d{1,5}))?$/.exec(address) ?? []) : [];
  const host = bare ?? (namedHost === '' ? '127.0.0.1' : parseHost(namedHost ?? ''));
  if (host === undefined) return undefined;
  const port = namedPort ?? (scheme === undefined ? ollamaPort : '');
  const dialled = isUnspecifiedHost(host) ? (host.includes(':') ? '::1' : '127.0.0.1') : host;
  const authority = `${dialled.includes(':') ? `[${dialled}]` : dialled}${port === '' ? '' : `:${port}`}`;
  const url = parseHttpUrl(`${scheme?.toLowerCase() ?? 'http'}://${authority}${path}`);
  return typeof url === 'string' ? undefined : toBase(url, url.pathname);
}

// A string is what is wrong with it.
function parseHttpUrl(text: string): URL | string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.hostname === '') return 'is no address';
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'must begin with http:// or https://';
  if (url.username !== '' || url.password !== '')
    return 'must not hold a user name or password; a node of config.yaml may name an apiKeyEnv';
  if (url.search !== '' || url.hash !== '') return 'must not hold ? or #';
  if (url.port === '0') return 'must not have port 0';
  return url;
}

function toBase(url: URL, path: string): string {
  return `${url.origin}${path.replace(/\/+$/, '')}`;
}
