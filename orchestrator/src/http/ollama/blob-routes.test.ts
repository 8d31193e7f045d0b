import type { OperationFrame } from '@waggle/shared/cluster/operation.ts';
import { describe, expect, it } from 'vitest';
import type { Script } from '../../operations/scripted-nodes.ts';
import { send, start } from '../test-client.ts';
import { startTestServer, type TestServer } from '../test-server.ts';
import { asked, maker, one, tiny, two, vllm } from './making-nodes.ts';

const three = `sha256:${'3'.repeat(64)}`;
const four = `sha256:${'4'.repeat(64)}`;
const post = (server: TestServer, path: string, body: unknown) => send(server.port, path, { body });

describe('/api/blobs', () => {
  const head = (server: TestServer, digest: string, query = '') =>
    send(server.port, `/api/blobs/${digest}${query}`, { method: 'HEAD' });
  const put = (server: TestServer, digest: string, query = '') =>
    send(server.port, `/api/blobs/${digest}${query}`, { body: Buffer.from('file') });
  const placed = async (reply: ReturnType<typeof send>) => {
    const { status, headers } = await reply;
    return [status, headers['x-waggle-node']];
  };

  it('keeps the files of a client together, where the first one is or most room', async () => {
    await using server = await startTestServer({
      nodes: [maker('a', { files: [one] }), maker('b', { memoryAvailableBytes: 12e9 })],
    });
    // What is nowhere decides nothing: Ollama's client begins with a question that says nothing about its model.
    expect(await placed(head(server, three))).toEqual([404, 'b']);
    expect(await placed(head(server, one))).toEqual([200, 'a']);
    expect(await placed(head(server, two))).toEqual([404, 'a']);
    expect(await placed(put(server, two))).toEqual([201, 'a']);
    expect(await placed(put(server, two))).toEqual([200, 'a']);
    expect(asked(server, 'blob-put')).toEqual([1, 2].map(() => ({ node: 'a', digest: two, size: 4 })));
    // A node that is named does not change where the others go.
    expect(await placed(put(server, two, '?node=b'))).toEqual([201, 'b']);
    expect(await placed(put(server, three))).toEqual([201, 'a']);
    await post(server, '/api/create', { model: 'made', files: { x: one, y: three } });
    expect(asked(server, 'create')).toMatchObject([{ node: 'a' }]);
    expect(await placed(put(server, four))).toEqual([201, 'b']);
  });

  it('sends files at the same time to one node, and keeps it for a while only', async () => {
    await using server = await startTestServer({
      nodes: [maker('a', { files: [one] }), maker('b', { files: [two], memoryAvailableBytes: 12e9 })],
    });
    const nodes = await Promise.all([three, four, one, two].map((digest) => placed(put(server, digest))));
    expect(new Set(nodes.map(([, node]) => node))).toEqual(new Set(['b']));
    await server.clock.advance(600_001);
    expect(await placed(head(server, two))).toEqual([200, 'b']);
    await server.clock.advance(599_000);
    expect(await placed(head(server, `sha256:${'5'.repeat(64)}`))).toEqual([404, 'b']);
    await server.clock.advance(600_001);
    expect(await placed(head(server, one))).toEqual([200, 'b']);
  });

  it('is told of a file by the node that is kept alone, and by all where none is', async () => {
    await using server = await startTestServer({
      nodes: [maker('a', { files: [one] }), maker('b', { files: [two], memoryAvailableBytes: 12e9 })],
    });
    expect(await placed(head(server, one))).toEqual([200, 'a']);
    expect(await placed(head(server, two))).toEqual([404, 'a']);
    await server.clock.advance(600_001);
    expect(await placed(head(server, two))).toEqual([200, 'b']);
    expect(await placed(head(server, one))).toEqual([404, 'b']);
  });

  it.each([
    ['sha256:12', '', 'invalid digest format'],
    ['nonsense', '', 'invalid digest format'],
    [one, '?node=a,b', 'a file goes to one node at a time'],
    [one, '?node=*', 'a file goes to one node at a time'],
    [one, '?node=nowhere', "there is no node called 'nowhere'"],
    [one, '?node=rack', "node 'rack' has no engine that can make models now"],
  ])('%s%s is refused', async (digest, query, error) => {
    await using server = await startTestServer({ nodes: [maker('a'), maker('b'), vllm] });
    const reply = await put(server, digest, query);
    expect([reply.status, reply.json()]).toEqual([400, { error }]);
    expect((await head(server, digest, query)).status).toBe(400);
  });

  it('reads a file no faster than the node takes it', async () => {
    const taking: PromiseWithResolvers<void>[] = [];
    let taken = 0;
    const slow: Script = async function* (_request, _signal, content): AsyncGenerator<OperationFrame> {
      for await (const chunk of content) {
        taken += chunk.byteLength;
        const step = Promise.withResolvers<void>();
        taking.push(step);
        await step.promise;
      }
      yield { type: 'head', status: 201, contentType: '' };
      yield { type: 'end' };
    };
    await using server = await startTestServer({ nodes: [{ name: 'a', script: slow }] });
    const total = 64 * 1024 * 1024;
    const request = start(server.port, `/api/blobs/${one}`, { headers: { 'content-length': String(total) } });
    const answered = new Promise<number>((resolve) =>
      request.on('response', (res) => resolve(res.resume().statusCode ?? 0)),
    );
    let sent = 0;
    const part = Buffer.alloc(1024 * 1024);
    const write = () => {
      while (sent < total) {
        sent += part.length;
        if (!request.write(part)) return;
      }
      request.end();
    };
    request.on('drain', write);
    write();
    await expect.poll(() => taking.length).toBe(1);
    // What the systems' buffers hold, and a quarter of a megabyte here; not the file.
    expect(sent).toBeLessThan(total / 2);
    expect(taken).toBeLessThan(1024 * 1024);
    const done = setInterval(() => taking.shift()?.resolve(), 0);
    expect(await answered).toBe(201);
    clearInterval(done);
    expect(taken).toBe(total);
  });

  it('ends at the node when the client leaves, and with words when it falls silent', async () => {
    const ends: unknown[] = [];
    const reading: Script = async function* (_request, signal, content): AsyncGenerator<OperationFrame> {
      try {
        for await (const chunk of content) if (chunk.byteLength > 0) signal.throwIfAborted();
      } catch (thrown) {
        ends.push((thrown as { code?: string }).code);
        yield { type: 'end', failure: { cause: 'engine', code: 'engine-failed', message: 'the content broke off' } };
      }
    };
    await using server = await startTestServer({ nodes: [{ name: 'a', script: reading }] });
    const begin = async () => {
      const request = start(server.port, `/api/blobs/${one}`, { headers: { 'content-length': '1000' } });
      request.on('error', () => {});
      request.write('begun');
      const before = asked(server, 'blob-put').length;
      await expect.poll(() => asked(server, 'blob-put').length).toBe(before + 1);
      return request;
    };
    (await begin()).destroy();
    await expect.poll(() => ends).toEqual(['client-gone']);
    const silent = await begin();
    const answered = new Promise<number>((resolve) => silent.on('response', (res) => resolve(res.statusCode ?? 0)));
    await server.clock.advance(40_000);
    expect(await answered).toBe(408);
    expect(ends).toEqual(['client-gone', 'request-timeout']);
  });

  it('lets files wait for their turn at a node, and refuses other work beyond its bound', async () => {
    const gates: (() => void)[] = [];
    const gated: Script = async function* (request): AsyncGenerator<OperationFrame> {
      if (request.name !== 'blob-head') await new Promise<void>((resolve) => gates.push(resolve));
      yield { type: 'head', status: request.name === 'blob-head' ? 404 : 201, contentType: '' };
      yield { type: 'end' };
    };
    const nodes = [{ name: 'a', models: [tiny], script: gated }];
    await using server = await startTestServer({ nodes, limits: { operationsPerNode: 2 } });
    const puts = [1, 2, 3, 4].map(() => put(server, one));
    // One turn is left to what does not wait.
    await expect.poll(() => gates.length).toBe(1);
    const created = post(server, '/api/create', { model: 'x', from: 'tiny' });
    await expect.poll(() => gates.length).toBe(2);
    expect((await post(server, '/api/show', { model: 'tiny' })).status).toBe(503);
    expect((await head(server, one)).status).toBe(404);
    for (let opened = 0; opened < 5; opened++) {
      await expect.poll(() => gates.length).toBeGreaterThan(0);
      gates.shift()?.();
    }
    expect((await Promise.all(puts)).map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    expect((await created).status).toBe(201);
  });
});
