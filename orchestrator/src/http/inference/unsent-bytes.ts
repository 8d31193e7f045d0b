import { readFile } from 'node:fs/promises';
import { isIPv4, type Socket } from 'node:net';
import { endianness, platform } from 'node:os';

/**
 * How many bytes that were written to a socket its peer has not acknowledged: they lie in the system's buffer, where no other figure
 * shows whether they become fewer. Undefined where the system does not tell.
 */
export type UnsentBytes = (socket: Socket) => Promise<number | undefined>;

/**
 * Linux lets a process write again only when a third of that buffer is free, which is megabytes on a fast line: a slow reader takes
 * minutes for them and looks like one that stopped. But Linux tells how full the buffer of every connection is. Elsewhere a process may
 * write again as soon as there is any room, so that a slow reader shows by that alone.
 */
export function createUnsentBytes(system: NodeJS.Platform = platform()): UnsentBytes {
  if (system !== 'linux') return () => Promise.resolve(undefined);
  let reading: Promise<ReadonlyMap<string, number>> | undefined;
  return async (socket) => {
    const { localAddress, localPort, remoteAddress, remotePort } = socket;
    if (localAddress === undefined || remoteAddress === undefined) return undefined;
    // Many that stopped are looked at in the same beat: one look at the table does for all of them.
    reading ??= readTables().finally(() => {
      reading = undefined;
    });
    const table = await reading;
    return table.get(`${toHex(localAddress, localPort)} ${toHex(remoteAddress, remotePort)}`);
  };
}

async function readTables(): Promise<ReadonlyMap<string, number>> {
  const texts = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFile(path, 'latin1').catch(() => '')),
  );
  return parseConnectionTables(texts);
}

/** Unacknowledged bytes by both addresses of a connection, as the table writes them. */
export function parseConnectionTables(texts: readonly string[]): ReadonlyMap<string, number> {
  const bytes = new Map<string, number>();
  for (const text of texts) {
    for (const [, addresses, unsent] of text.matchAll(
      /^ *\d+: ([\dA-F]+:[\dA-F]+ [\dA-F]+:[\dA-F]+) [\dA-F]+ ([\dA-F]+):/gm,
    )) {
      if (addresses !== undefined && unsent !== undefined) bytes.set(addresses, Number.parseInt(unsent, 16));
    }
  }
  return bytes;
}

/** Words of four bytes in the order of this machine, then the port. */
export function toHex(address: string, port: number | undefined, order = endianness()): string {
  const bytes = Buffer.from(isIPv4(address) ? address.split('.').map(Number) : toIPv6Bytes(address));
  if (order === 'LE') bytes.swap32();
  const hexPort = (port ?? 0).toString(16).padStart(4, '0');
  return `${bytes.toString('hex')}:${hexPort}`.toUpperCase();
}

function toIPv6Bytes(address: string): number[] {
  const plain = address.replace(/%.*$/, '').replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, ...parts: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [before = '', after] = plain.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const head = groups(before);
  const tail = after === undefined ? [] : groups(after);
  const zeros = new Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0');
  return [...head, ...zeros, ...tail].flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
