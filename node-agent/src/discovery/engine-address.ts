import type { DialectName } from '@waggle/shared/chat/endpoints.ts';

/** An engine as somebody named it, or where one may be. */
export interface EngineAddress {
  readonly dialect: DialectName;
  /** Without a trailing slash; OpenAI-compatible ones with their `/v1`, Ollama's without `/api`. */
  readonly url: string;
  readonly apiKey?: string;
}

/** Stable over restarts and readable: `ollama-11434`, `openai-192.168.1.30-8000`. */
export function toEngineId({ dialect, url }: EngineAddress): string {
  const { hostname, port, protocol, pathname } = new URL(url);
  const shownPort = port === '' ? (protocol === 'https:' ? '443' : '80') : port;
  const parts = [dialect, isLoopback(hostname) ? '' : hostname, shownPort, toPath(pathname)];
  return parts
    .join('-')
    .replaceAll(/[^\w.]+/g, '-')
    .replace(/-$/, '');
}

/** Equal for two ways of writing one address: names and addresses of this machine are all its loopback. */
export function toAddressKey({ url }: Pick<EngineAddress, 'url'>, ownAddresses: ReadonlySet<string>): string {
  const { hostname, port, protocol, pathname } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const shownPort = port === '' ? (protocol === 'https:' ? '443' : '80') : port;
  const isOwn = isLoopback(host) || ownAddresses.has(host);
  return `${isOwn ? 'local' : host}:${shownPort}${toPath(pathname)}`;
}

/** Without the end that only names the dialect. */
function toPath(pathname: string): string {
  return pathname.replace(/\/+$/, '').replace(/\/v1$/, '');
}

function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  return (
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    host.startsWith('127.') ||
    host === '::1' ||
    host === '0.0.0.0'
  );
}
