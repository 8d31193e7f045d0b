import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { isLoopbackHost } from '@waggle/shared/addresses/hosts.ts';

const localSuffixes = ['.localhost', '.local', '.internal'];

/** Whether a Host header names this server. */
export type HostCheck = (host: string | undefined) => boolean;

/**
 * Keeps web pages that rebind their own name to this machine away from a server that listens on loopback only: the Host
 * must be an address, a name of this machine, or one the operator allowed (`*.` stands for any names in front). Elsewhere
 * any Host will do, but one there must be.
 */
export function createHostCheck(listenHost: string, allowed: readonly string[], ownName = hostname()): HostCheck {
  if (!isLoopbackHost(listenHost)) return (host) => host !== undefined && host !== '';
  const names = new Set(['localhost', ownName.toLowerCase()]);
  const suffixes = [...localSuffixes];
  for (const name of allowed) {
    if (name.startsWith('*.')) suffixes.push(name.slice(1).toLowerCase());
    else names.add(name.toLowerCase());
  }
  let lastGood: string | undefined;
  return (host) => {
    if (host === undefined || host === '') return false;
    if (host === lastGood) return true;
    const name = withoutPort(host)?.toLowerCase();
    if (name === undefined) return false;
    const bare = name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name;
    const good =
      isIP(bare) !== 0 ||
      names.has(name) ||
      suffixes.some((suffix) => name.endsWith(suffix) && name.length > suffix.length);
    if (good) lastGood = host;
    return good;
  };
}

/** Undefined for what is no host at all: spaces, several names, a path, user information. */
function withoutPort(host: string): string | undefined {
  return /^(\[[\da-f:.]+\]|[\w.-]+)(?::\d{1,5})?$/i.exec(host)?.[1];
}
