import { once } from 'node:events';
import { createServer } from 'node:net';

/** Ports that were given, and may not be listened on yet. */
const given = new Set<number>();

/** A port nobody listened on a moment ago, never the same one twice. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await anyPort();
    if (given.has(port)) continue;
    given.add(port);
    return port;
  }
}

async function anyPort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return address.port;
}
