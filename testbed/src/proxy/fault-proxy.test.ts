import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FaultProxy } from './fault-proxy.ts';

interface Target extends AsyncDisposable {
  readonly port: number;
  readonly sockets: readonly Socket[];
}

/** By default everything comes back as it was sent. */
async function startTarget(serve: (socket: Socket) => void = (socket) => socket.pipe(socket)): Promise<Target> {
  const sockets: Socket[] = [];
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function dial(proxy: FaultProxy): Promise<Socket> {
  const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  socket.on('error', () => {});
  return socket;
}

const pattern = (length: number) => Buffer.from(Array.from({ length }, (_, index) => index % 251));

test.each([
  { conditions: {} },
  { conditions: { latencyMs: 2, jitterMs: 3 } },
  { conditions: { sliceBytes: 1000 } },
  { conditions: { bytesPerS: 20_000_000 } },
  { conditions: { latencyMs: 1, jitterMs: 2, sliceBytes: 777, bytesPerS: 50_000_000 } },
])('passes every byte in order with $conditions', async ({ conditions }) => {
  await using target = await startTarget();
  await using proxy = await FaultProxy.start({ target });
  proxy.set(conditions);
  const socket = await dial(proxy);
  const sent = pattern(300_000);
  const received = buffer(socket);
  socket.end(sent);
  expect((await received).equals(sent)).toBe(true);
  expect(proxy.passed).toEqual({ up: 300_000, down: 300_000 });
});

test('passes every byte in order while the conditions change', async () => {
  await using target = await startTarget();
  await using proxy = await FaultProxy.start({ target });
  const conditions = fc.record(
    {
      latencyMs: fc.nat(3),
      jitterMs: fc.nat(3),
      sliceBytes: fc.integer({ min: 1, max: 5000 }),
      bytesPerS: fc.integer({ min: 1_000_000, max: 1e9 }),
    },
    { requiredKeys: [] },
  );
  const steps = fc.array(fc.tuple(conditions, fc.integer({ min: 1, max: 20_000 })), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(steps, async (plan) => {
      const socket = await dial(proxy);
      const received = buffer(socket);
      let total = 0;
      for (const [next, length] of plan) {
        proxy.set(next);
        socket.write(pattern(length));
        total += length;
        await proxy.until(() => true);
      }
      socket.end();
      expect((await received).length).toBe(total);
      proxy.clear();
    }),
    { numRuns: 15 },
  );
});

test('latency and rate take their time', async () => {
  await using target = await startTarget();
  await using proxy = await FaultProxy.start({ target });
  const socket = await dial(proxy);
  const roundTrip = async (bytes: number) => {
    const startedAt = performance.now();
    socket.write(pattern(bytes));
    for (let got = 0; got < bytes; ) got += ((await once(socket, 'data')) as [Buffer])[0].length;
    return performance.now() - startedAt;
  };
  proxy.set({ latencyMs: 15 });
  expect(await roundTrip(1)).toBeGreaterThan(28);
  proxy.set({ latencyMs: 30 }, 'up');
  proxy.set({}, 'down');
  expect(await roundTrip(1)).toBeGreaterThan(28);
  proxy.set({ bytesPerS: 100_000 }, 'up');
  expect(await roundTrip(3000)).toBeGreaterThan(28);
  socket.destroy();
});

test('the jitter of a seed is the same every time', async () => {
  const { seededRandom } = await import('./seeded-random.ts');
  const draw = (seed: number) => Array.from({ length: 5 }, seededRandom(seed));
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
});

test('slices what comes in one piece', async () => {
  await using target = await startTarget();
  await using proxy = await FaultProxy.start({ target });
  proxy.set({ sliceBytes: 10 }, 'down');
  const socket = await dial(proxy);
  const received = buffer(socket);
  const steps = new Set<number>();
  const all = proxy.until(() => steps.add(proxy.passed.down).has(95));
  socket.end(pattern(95));
  await all;
  expect([...steps]).toEqual([0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95]);
  expect((await received).equals(pattern(95))).toBe(true);
});

test('a black hole in one direction lets the other through, and what waited comes when it is lifted', async () => {
  await using target = await startTarget((socket) => {
    socket.write('hello');
  });
  await using proxy = await FaultProxy.start({ target });
  proxy.set({ blackHole: true }, 'up');
  const socket = await dial(proxy);
  expect(String((await once(socket, 'data'))[0])).toBe('hello');
  socket.end('are you there?');
  const [served] = target.sockets;
  if (served === undefined) throw new Error('nobody connected');
  const heard: string[] = [];
  served.on('data', (chunk: Buffer) => heard.push(String(chunk)));
  served.write('more');
  expect(String((await once(socket, 'data'))[0])).toBe('more');
  expect(heard).toEqual([]);
  const ended = once(served, 'end');
  proxy.clear();
  await ended;
  expect(heard.join('')).toBe('are you there?');
});

test('behind a black hole nobody hears that the other side is gone', async () => {
  await using target = await startTarget();
  await using proxy = await FaultProxy.start({ target });
  const socket = await dial(proxy);
  socket.write('x');
  await once(socket, 'data');
  proxy.set({ blackHole: true });
  const [served] = target.sockets;
  if (served === undefined) throw new Error('nobody connected');
  let heard = false;
  served.on('close', () => {
    heard = true;
  });
  socket.resetAndDestroy();
  const second = await dial(proxy);
  expect(heard).toBe(false);
  expect(proxy.connections).toBe(2);
  const told = new Promise((resolve) => {
    served.on('close', resolve);
  });
  proxy.clear();
  await told;
  second.destroy();
});

test('a reader that does not read holds the writer back', async () => {
  const idle: Socket[] = [];
  await using target = await startTarget((socket) => {
    if (idle.length === 0) idle.push(socket);
    else socket.pipe(socket);
  });
  await using proxy = await FaultProxy.start({ target });
  proxy.set({ latencyMs: 1 });
  const socket = await dial(proxy);
  await proxy.until(() => proxy.connections === 1);
  const sent = 64 * 2 ** 20;
  socket.end(Buffer.alloc(sent));
  // Time enough for all of it, were it not held back.
  const other = await dial(proxy);
  for (let round = 0; round < 100; round++) {
    other.write('x');
    await once(other, 'data');
  }
  expect(proxy.passed.up).toBeLessThan(sent / 2);
  expect(socket.writableLength).toBeGreaterThan(sent / 4);
  const [served] = idle;
  if (served === undefined) throw new Error('nobody connected');
  expect((await buffer(served)).length).toBe(sent);
  other.destroy();
});

test('cuts a connection after so many bytes', async () => {
  await using target = await startTarget();
  await using proxy = await FaultProxy.start({ target });
  proxy.set({ cutAfterBytes: 1234 }, 'down');
  const socket = await dial(proxy);
  const received = buffer(socket);
  socket.write(pattern(50_000));
  expect((await received).equals(pattern(1234))).toBe(true);
  const [served] = target.sockets;
  if (served !== undefined && !served.destroyed) await once(served, 'close');
  await proxy.until(() => proxy.connections === 0);
});

test('resets what is open, and takes new connections', async () => {
  await using target = await startTarget();
  await using proxy = await FaultProxy.start({ target });
  const socket = await dial(proxy);
  await proxy.until(() => proxy.connections === 1);
  const broken = once(socket, 'error');
  proxy.reset();
  expect(await broken.catch((error: unknown) => [error])).toMatchObject([{ code: 'ECONNRESET' }]);
  const next = await dial(proxy);
  next.write('x');
  expect(String((await once(next, 'data'))[0])).toBe('x');
  next.destroy();
});

test('refuses new connections and leaves the old ones, until it accepts again', async () => {
  await using target = await startTarget();
  await using proxy = await FaultProxy.start({ target });
  const { port } = proxy;
  const old = await dial(proxy);
  old.write('x');
  await once(old, 'data');
  proxy.refuse();
  await expect(dial(proxy)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  old.write('y');
  expect(String((await once(old, 'data'))[0])).toBe('y');
  await proxy.accept();
  expect(proxy.port).toBe(port);
  const next = await dial(proxy);
  old.destroy();
  next.destroy();
  await proxy.until(() => proxy.connections === 0);
});

test('a target that refuses breaks the connection', async () => {
  const gone = await startTarget();
  await gone[Symbol.asyncDispose]();
  await using proxy = await FaultProxy.start({ target: { port: gone.port } });
  const socket = connect({ port: proxy.port, host: '127.0.0.1' });
  await expect(once(socket, 'close')).rejects.toMatchObject({ code: 'ECONNRESET' });
});
