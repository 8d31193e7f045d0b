import { isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
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
  const isNamed = createNameCheck(['localhost', ownName, ...localSuffixes.map((suffix) => `*${suffix}`), ...allowed]);
  let lastGood: string | undefined;
  return (host) => {
    if (host === undefined || host === '') return false;
    if (host === lastGood) return true;
    const name = nameIn(host);
    const good = name !== undefined && (isIP(name) !== 0 || isNamed(name));
    if (good) lastGood = host;
    return good;
  };
}

/**
 * Whether a Host header, whatever this server listens on, can only have come from somebody who meant this machine: `localhost`, one of
 * its own addresses or its name, or a name the operator gave it. Anybody's name can lead to an address of this machine, also that of a
 * page which a browser here has open; the page cannot choose what the browser writes as Host.
 */
export function createOwnHostCheck(
  allowed: readonly string[],
  { ownName = hostname(), ownAddresses = listOwnAddresses }: OwnNames = {},
): HostCheck {
  const isNamed = createNameCheck([ownName, ...allowed]);
  return (host) => {
    const name = host === undefined ? undefined : nameIn(host);
    return name !== undefined && (isLoopbackHost(name) || isNamed(name) || ownAddresses().includes(name));
  };
}

export interface OwnNames {
  readonly ownName?: string;
  /** In the order of the system; asked anew each time, for they change. */
  readonly ownAddresses?: () => readonly string[];
}

function listOwnAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((addresses = []) => addresses.map(({ address }) => address));
}

/** `*.` stands for any names in front. */
function createNameCheck(allowed: readonly string[]): (name: string) => boolean {
  const lower = allowed.map((name) => name.toLowerCase());
  const names = new Set(lower.filter((name) => !name.startsWith('*.')));
  const suffixes = lower.filter((name) => name.startsWith('*.')).map((name) => name.slice(1));
  return (name) => names.has(name) || suffixes.some((suffix) => name.endsWith(suffix) && name.length > suffix.length);
}

/**
 * The host without its port, in small letters and without brackets. Undefined for what is no host at all: spaces, several names, a path,
 * user information.
 */
function nameIn(host: string): string | undefined {
  const [, inBrackets, bare] = /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::\d{0,5})?$/i.exec(host) ?? [];
  return (inBrackets ?? bare)?.toLowerCase();
}
