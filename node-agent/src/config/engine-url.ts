import { isIP } from 'node:net';
import type { EngineAddress } from '../discovery/engine-address.ts';
import { UsageError } from './usage-error.ts';

const ollamaPort = '11434';

/** An engine's address whose family is read off its end: `/v1` is OpenAI-compatible, `/api` or anything else is Ollama. */
export function parseEngineUrl(source: string, written: string): EngineAddress {
  const url = toUrl(/^[a-z][a-z0-9+.-]*:\/\//i.test(written) ? written : `http://${written}`);
  if (url === undefined) throw new UsageError(`${source} is not the address of an engine: ${written}`);
  const path = url.pathname.replace(/\/+$/, '');
  if (/\/v1$/i.test(path)) return { dialect: 'openai', url: url.origin + path };
  return { dialect: 'ollama', url: url.origin + path.replace(/\/api$/i, '') };
}

/**
 * What OLLAMA_HOST means to Ollama's own client: `HOST`, `:PORT`, `HOST:PORT` or a URL; port 11434 unless a scheme is given,
 * then the scheme's own. The variable also tells the server where to listen: every interface is then dialled on loopback.
 * Undefined if it cannot be read.
 */
export function parseOllamaHost(written: string): string | undefined {
  const trimmed = written.trim().replace(/^(["'])(.*)\1$/, '$2');
  const [, scheme, rest = ''] = /^(?:(https?):\/\/)?(.*)$/i.exec(trimmed) ?? [];
  const slash = rest.indexOf('/');
  const address = slash === -1 ? rest : rest.slice(0, slash);
  const path = slash === -1 ? '' : rest.slice(slash).replace(/\/+$/, '');
  const { host, port } = splitAddress(address);
  const shownPort = port || (scheme === undefined ? ollamaPort : '');
  const dialled = host === '' || host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  const authority = (dialled.includes(':') ? `[${dialled}]` : dialled) + (shownPort === '' ? '' : `:${shownPort}`);
  const url = toUrl(`${scheme?.toLowerCase() ?? 'http'}://${authority}${path}`);
  return url && url.origin + url.pathname.replace(/\/+$/, '');
}

function splitAddress(address: string): { readonly host: string; readonly port: string } {
  const [, bracketed, bracketedPort = ''] = /^\[([^\]]+)\](?::(\d+))?$/.exec(address) ?? [];
  if (bracketed !== undefined) return { host: bracketed, port: bracketedPort };
  if (isIP(address) === 6) return { host: address, port: '' };
  const [, host = '', port = ''] = /^(.*?)(?::(\d+))?$/.exec(address) ?? [];
  return { host, port };
}

function toUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isUsable =
    url !== undefined &&
    (url.protocol === 'http:' || url.protocol === 'https:') &&
    url.hostname !== '' &&
    url.username + url.password + url.search + url.hash === '';
  return isUsable ? url : undefined;
}
