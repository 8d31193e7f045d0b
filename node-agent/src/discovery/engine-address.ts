import { isLoopbackHost, isUnspecifiedHost, toDialledAddress } from '@waggle/shared/addresses/hosts.ts';
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
  const parsed = new URL(url);
  const { host, port } = toDialledAddress(parsed);
  const parts = [dialect, isLocal(host) ? '' : host, port, toPath(parsed.pathname)];
  return parts
    .join('-')
    .replaceAll(/[^\w.]+/g, '-')
    .replace(/-$/, '');
}

/** Equal for two ways of writing one address: names and addresses of this machine are all its loopback. */
export function toAddressKey({ url }: Pick<EngineAddress, 'url'>, ownAddresses: ReadonlySet<string>): string {
  const parsed = new URL(url);
  const { host, port } = toDialledAddress(parsed);
  return `${isLocal(host) || ownAddresses.has(host) ? 'local' : host}:${port}${toPath(parsed.pathname)}`;
}

/** Whether the engine is on this machine, as far as its address tells. */
export function isOnThisMachine(address: Pick<EngineAddress, 'url'>, ownAddresses: ReadonlySet<string>): boolean {
  return toAddressKey(address, ownAddresses).startsWith('local:');
}

/** Without the end that only names the dialect. */
function toPath(pathname: string): string {
  return pathname.replace(/\/+$/, '').replace(/\/v1$/, '');
}

/** Whoever dials every interface gets the loopback one. */
function isLocal(host: string): boolean {
  return isLoopbackHost(host) || isUnspecifiedHost(host);
}
