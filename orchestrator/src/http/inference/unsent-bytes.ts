import { readFile } from 'node:fs/promises';
import { isIPv4, type Socket } from 'node:net';
import { endianness, platform } from 'node:os';

/**
 * How many bytes that were written to a socket nobody has taken yet, as far as the system tells: they lie in its buffers, where no
 * other figure shows whether they become fewer. Undefined where it does not tell.
 */
export type UnsentBytes = (socket: Socket) => Promise<number | undefined>;

/**
 * Linux lets a process write again only when a third of the buffer is free, which is megabytes on a fast line: a slow reader takes
 * minutes for them and looks like one that stopped. But Linux tells how full the buffers of every connection are. Elsewhere a process
 * may write again as soon as there is any room, so that a slow reader shows by that alone.
 */
export function createUnsentBytes(system: NodeJS.Platform = platform()): UnsentBytes {
  if (system !== 'linux') return () => Promise.resolve(undefined);
  let reading: Promise<Connections> | undefined;
  return async (socket) => {
    const { localAddress, localPort, remoteAddress, remotePort } = socket;
    if (localAddress === undefined || remoteAddress === undefined) return undefined;
    // Many that stopped are looked at in the same beat: one look at the table does for all of them.
    reading ??= readConnections().finally(() => {
      reading = undefined;
    });
    return (await reading).unsent(toHex(localAddress, localPort), toHex(remoteAddress, remotePort));
  };
}

async function readConnections(): Promise<Connections> {
  const files = ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFile(path, 'latin1').catch(() => ''));
  return new Connections(await Promise.all(files));
}

const row =
  /^ *\d+: (?:0{16}FFFF0000)?([\dA-F]+:[\dA-F]+) (?:0{16}FFFF0000)?([\dA-F]+:[\dA-F]+) [\dA-F]+ ([\dA-F]+):([\dA-F]+)/gm;

/** What the system's tables of connections tell of the bytes that lie in them. */
export class Connections {
  /** By the address here and the one there. */
  readonly #unacknowledged = new Map<string, number>();
  readonly #unread = new Map<string, number>();

  constructor(tables: readonly string[]) {
    for (const table of tables) {
      for (const [, local = '', remote = '', unacknowledged = '', unread = ''] of table.matchAll(row)) {
        this.#unacknowledged.set(`${local} ${remote}`, Number.parseInt(unacknowledged, 16));
        this.#unread.set(`${local} ${remote}`, Number.parseInt(unread, 16));
      }
    }
  }

  /**
   * Addresses as `toHex` writes them. A peer on this machine acknowledges no part of a packet, which is 64 KB there, but what he has not
   * read is in the table too.
   */
  unsent(local: string, remote: string): number | undefined {
    const unacknowledged = this.#unacknowledged.get(`${local} ${remote}`);
    return unacknowledged === undefined ? undefined : unacknowledged + (this.#unread.get(`${remote} ${local}`) ?? 0);
  }
}

/** Words of four bytes in the order of this machine, then the port. An IPv4 address is the same in IPv6's clothes. */
export function toHex(address: string, port: number | undefined, order = endianness()): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  const bytes = Buffer.from(isIPv4(plain) ? plain.split('.').map(Number) : toIPv6Bytes(plain));
  if (order === 'LE') bytes.swap32();
  const hexPort = (port ?? 0).toString(16).padStart(4, '0');
  return `${bytes.toString('hex')}:${hexPort}`.toUpperCase();
}

function toIPv6Bytes(address: string): number[] {
  const plain = address.replace(/%.*$/, '');
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
