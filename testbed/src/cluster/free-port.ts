import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that systems hand out by themselves (Linux: from 32,768): whatever another process listens on with port 0, or connects
 * from, is never one of these.
 */
const firstPort = 20_000;
const portCount = 12_000;

/** Each process walks from a place of its own, so that two running side by side do not come to one port before either listens on it. */
let steps = (process.pid * 61) % portCount;

/** A port nobody listens on, never the same one twice. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < portCount; tries += 1) {
    const port = firstPort + (steps % portCount);
    steps += 1;
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port from ${firstPort} to ${firstPort + portCount}`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
