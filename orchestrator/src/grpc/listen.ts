import { lookup } from 'node:dns/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

export interface Listener {
  readonly port: number;
  /** Takes no more connections. Those there are stay. */
  close(): void;
}

/**
 * Listens on every address of a host. Rejects with the error of the socket (`EADDRINUSE`, say); one address of several that
 * this machine does not have is left out.
 */
export async function listen(host: string, port: number, connected: (socket: Socket) => void): Promise<Listener> {
  const servers: Server[] = [];
  let boundPort = port;
  let missing: unknown;
  try {
    for (const { address } of await lookup(host, { all: true })) {
      const server = await listenOn(address, boundPort, connected).catch((thrown: unknown) => {
        if (!isMissing(thrown)) throw thrown;
        missing = thrown;
      });
      if (server === undefined) continue;
      servers.push(server);
      boundPort = (server.address() as AddressInfo).port;
    }
    if (servers.length === 0) throw missing ?? new Error(`${host} has no address`);
  } catch (thrown) {
    for (const server of servers) server.close();
    throw thrown;
  }
  return {
    port: boundPort,
    close() {
      for (const server of servers) server.close();
    },
  };
}

function listenOn(host: string, port: number, connected: (socket: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ noDelay: true }, connected);
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      // Out of file descriptors, say: the next connection may be taken again.
      server.on('error', () => {});
      resolve(server);
    });
  });
}

/** Names such as `localhost` may stand for an address of a family that is switched off. */
function isMissing(thrown: unknown): boolean {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  return code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT';
}
