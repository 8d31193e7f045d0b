import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { OperationFrame } from '@waggle/shared/cluster/operation.ts';
import { describe, expect, it } from 'vitest';
import { open, readReply, send } from './test-client.ts';
import { aborted, startTestServer, text } from './test-server.ts';

const chat = { model: 'tiny', messages: [{ role: 'user', content: 'hi' }] };

describe('drain', () => {
  it('lets running answers end, refuses new ones in words, and closes', async () => {
    const go = Promise.withResolvers<void>();
    await using server = await startTestServer({
      nodes: [{ name: 'a', models: [{ name: 'tiny' }] }],
      script: async function* () {
        yield text('{"done":false}\n');
        await go.promise;
        yield text('{"done":true}\n', true);
      },
    });
    const { response } = await open(server.port, '/api/chat', { body: chat });
    expect((await send(server.port, '/health/ready', { method: 'GET' })).status).toBe(200);
    const drained = server.http.drain();
    for (const path of ['/api/chat', '/v1/chat/completions', '/api/tags']) {
      const refused = await send(server.port, path, { body: chat });
      expect(refused.status).toBe(503);
      expect(refused.headers).toMatchObject({ connection: 'close', 'retry-after': '1' });
      expect(refused.json()).toHaveProperty('error');
    }
    expect((await send(server.port, '/health', { method: 'GET' })).status).toBe(200);
    expect((await send(server.port, '/health/ready', { method: 'GET' })).json()).toMatchObject({ status: 'draining' });
    go.resolve();
    expect((await readReply(response)).text).toBe('{"done":false}\n{"done":true}\n');
    await drained;
    await expect(send(server.port, '/health', { method: 'GET' })).rejects.toThrow('ECONNREFUSED');
  });

  it('closes the connection of an answer that ends meanwhile', async () => {
    const go = Promise.withResolvers<void>();
    await using server = await startTestServer({
      script: async function* () {
        await go.promise;
        yield text('{"done":true}', true);
      },
    });
    const headers = { connection: 'keep-alive' };
    const reply = send(server.port, '/api/chat', { body: { ...chat, stream: false }, headers });
    await server.inference.asked();
    const drained = server.http.drain();
    go.resolve();
    expect((await reply).headers).toMatchObject({ connection: 'close' });
    await drained;
  });

  it('waits for a pull as well', async () => {
    const go = Promise.withResolvers<void>();
    async function* pulling(): AsyncGenerator<OperationFrame> {
      yield { type: 'head', status: 200, contentType: 'application/x-ndjson' };
      yield { type: 'chunk', bytes: Buffer.from('{"status":"pulling manifest"}\n') };
      await go.promise;
      yield { type: 'chunk', bytes: Buffer.from('{"status":"success"}\n') };
      yield { type: 'end' };
    }
    await using server = await startTestServer({ nodes: [{ name: 'a', script: pulling }] });
    const { response } = await open(server.port, '/api/pull', { body: { model: 'tiny' } });
    const drained = server.http.drain();
    await server.clock.advance(1_000);
    go.resolve();
    expect((await readReply(response)).text).toContain('success');
    await drained;
  });

  it('does not wait for a connection that asks nothing', async () => {
    await using server = await startTestServer();
    const socket = connect(server.port, '127.0.0.1', () => socket.write('POST /api/chat HTTP/1.1\r\n'));
    await once(socket, 'connect');
    // Answered behind it, so the server has read the half head by now.
    await send(server.port, '/health', { method: 'GET' });
    const drained = server.http.drain();
    socket.resume();
    await server.clock.advance(1_000);
    await Promise.all([drained, once(socket, 'close')]);
  });

  it('cuts what takes too long, and says so', async () => {
    await using server = await startTestServer({ server: { drainTimeoutMs: 1_000 } });
    const reply = send(server.port, '/api/chat', { body: chat });
    const { signal } = await server.inference.asked();
    const drained = server.http.drain();
    await server.clock.advance(1_000);
    await aborted(signal);
    expect(signal.reason).toMatchObject({ code: 'draining' });
    const { status, text: body } = await reply;
    expect([status, body]).toEqual([503, expect.stringContaining('shutting down')]);
    await drained;
  });

  it('cuts those that do not even take that', async () => {
    await using server = await startTestServer({
      server: { drainTimeoutMs: 1_000 },
      script: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }),
    });
    const reply = send(server.port, '/api/chat', { body: chat });
    await server.inference.asked();
    const drained = server.http.drain();
    await server.clock.advance(1_000);
    await server.clock.advance(1_000);
    await expect(reply).rejects.toThrow();
    await drained;
  });
});

it('close() cancels what runs', async () => {
  await using server = await startTestServer();
  const reply = send(server.port, '/api/chat', { body: chat });
  const { signal } = await server.inference.asked();
  await Promise.allSettled([server.http.close(), reply]);
  expect(signal.reason).toMatchObject({ code: 'draining' });
});

it('rejects with the code of the socket where the port is taken', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const address = other.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await expect(startTestServer({ server: { port } })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  other.close();
});

it('leaves nothing behind that would keep the process alive', async () => {
  const server = await startTestServer();
  await server.http.close();
  expect(server.clock.pending).toBe(0);
});
