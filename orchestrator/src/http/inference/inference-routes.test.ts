import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { describe, expect, it } from 'vitest';
import { nextChunk, open, readReply, send, sendRaw } from '../test-client.ts';
import { type AnswerScript, startTestServer, text, typed } from '../test-server.ts';

const chat = (fields: object = {}) => ({ model: 'tiny', messages: [{ role: 'user', content: 'hi' }], ...fields });
const dialects = [
  { path: '/api/chat', streamError: /^\{"error":"[^"]*"\}\n$/ },
  { path: '/v1/chat/completions', streamError: /^data: \{"error":\{/ },
] as const;

const line = '{"message":{"content":"a"},"done":false}\n';
const lastLine = '{"done":true}\n';

describe('native answers', () => {
  it('sends a whole answer as it came, with its length and the facts in its head', async () => {
    const body = JSON.stringify(chat({ stream: false, unknown_field: 1 }));
    await using server = await startTestServer({
      script: async function* () {
        yield text('{"done":true}', true);
      },
    });
    const reply = await send(server.port, '/api/chat', {
      body,
      headers: { 'x-request-id': 'mine-1', 'content-type': 'text/plain', 'user-agent': 'test' },
    });
    expect(reply).toMatchObject({ status: 200, text: '{"done":true}' });
    expect(reply.headers).toMatchObject({
      server: 'waggle',
      'x-request-id': 'mine-1',
      'x-waggle-node': 'node-1',
      'x-waggle-attempts': '0',
      'content-type': 'application/json; charset=utf-8',
      'content-length': '13',
    });
    const { request } = await server.inference.asked();
    expect(Buffer.from(request.body).toString()).toBe(body);
    expect(request).toMatchObject({
      requestId: 'mine-1',
      priority: 'normal',
      answer: 'native',
      facts: { endpoint: 'ollama.chat', model: 'tiny', stream: false },
      client: { address: '127.0.0.1', userAgent: 'test' },
    });
  });

  it.each([
    [
      '/api/chat',
      { Model: 'tiny', Messages: [{ Role: 'user', Content: 'hi' }], Stream: false, Options: { num_ctx: 9 } },
    ],
    ['/v1/chat/completions', { model: 'other', MODEL: 'tiny', Messages: [{ Role: 'user', content: 'hi' }] }],
  ])('judges keys of any case as the engine reads them: %s', async (path, body) => {
    await using server = await startTestServer({
      script: async function* () {
        yield text('{}', true);
      },
    });
    await send(server.port, path, { body });
    const { request } = await server.inference.asked();
    expect(request.facts).toMatchObject({ model: 'tiny', action: 'run', stream: false, promptTokens: 5 });
    expect(JSON.parse(Buffer.from(request.body).toString())).toEqual({
      model: 'tiny',
      messages: [{ role: 'user', content: 'hi' }],
      ...(path === '/api/chat' ? { stream: false, options: { num_ctx: 9 } } : {}),
    });
  });

  it('sends each batch of a stream when it comes', async () => {
    const read = Promise.withResolvers<void>();
    await using server = await startTestServer({
      script: async function* () {
        yield text(line);
        await read.promise;
        yield text(lastLine, true);
      },
    });
    const { response } = await open(server.port, '/api/chat', { body: chat() });
    expect(response.headers).toMatchObject({ 'content-type': 'application/x-ndjson', 'transfer-encoding': 'chunked' });
    expect(await nextChunk(response)).toBe(line);
    read.resolve();
    expect((await readReply(response)).text).toBe(lastLine);
  });

  it('passes a long unstreamed body on in parts', async () => {
    await using server = await startTestServer({
      script: async function* () {
        yield { ...text('{"embeddings":['), kinds: 16 };
        yield { ...text(']}'), kinds: 16 | 32 };
      },
    });
    expect((await send(server.port, '/api/embed', { body: { model: 'm', input: 'x' } })).text).toBe(
      '{"embeddings":[]}',
    );
  });
});

describe('typed answers', () => {
  const events: AnswerScript = async function* () {
    yield typed({ type: 'text-delta', text: 'Hello' });
    yield typed(
      { type: 'text-delta', text: ' you' },
      { type: 'response-end', finishReason: 'stop', usage: { promptTokens: 3, completionTokens: 2 } },
    );
  };

  it('are written in the words of the dialect, streamed', async () => {
    await using server = await startTestServer({ script: events });
    const ollama = (await send(server.port, '/api/chat', { body: chat() })).text
      .trimEnd()
      .split('\n')
      .map((part) => JSON.parse(part));
    expect(ollama.map((part) => part.message?.content ?? '').join('')).toBe('Hello you');
    expect(ollama.at(-1)).toMatchObject({ done: true, done_reason: 'stop', model: 'tiny' });
    const openai = await send(server.port, '/v1/chat/completions', { body: chat({ stream: true }) });
    expect(openai.headers['content-type']).toMatch(/^text\/event-stream/);
    expect(openai.text).toMatch(/"content":"Hello"[\s\S]*"finish_reason":"stop"[\s\S]*data: \[DONE\]\n\n$/);
  });

  it('are written whole where the client wants no stream', async () => {
    await using server = await startTestServer({ script: events });
    const ollama = await send(server.port, '/api/chat', { body: chat({ stream: false }) });
    expect(ollama.json()).toMatchObject({ message: { role: 'assistant', content: 'Hello you' }, done: true });
    expect(ollama.headers['content-length']).toBe(String(ollama.body.length));
    const openai = await send(server.port, '/v1/chat/completions', { body: chat() });
    expect(openai.json()).toMatchObject({
      object: 'chat.completion',
      choices: [{ message: { content: 'Hello you' } }],
    });
  });

  it('are vectors for embeddings, in the form that was asked for', async () => {
    await using server = await startTestServer({
      script: async function* () {
        yield typed({ type: 'embeddings', vectors: [[1, 0]] }, { type: 'response-end', finishReason: 'stop' });
      },
    });
    const floats = await send(server.port, '/v1/embeddings', { body: { model: 'm', input: 'x' } });
    expect(floats.json()).toMatchObject({ data: [{ embedding: [1, 0] }] });
    const base64 = await send(server.port, '/v1/embeddings', {
      body: { model: 'm', input: 'x', encoding_format: 'base64' },
    });
    expect(base64.json()).toMatchObject({
      data: [{ embedding: Buffer.from(new Float32Array([1, 0]).buffer).toString('base64') }],
    });
  });
});

it('streams always on /api/chat/stream, also to the engine', async () => {
  await using server = await startTestServer({
    script: async function* () {
      yield text(line);
      yield text(lastLine, true);
    },
  });
  const reply = await send(server.port, '/api/chat/stream', { body: chat({ stream: false }) });
  expect(reply.text).toBe(line + lastLine);
  const { request } = await server.inference.asked();
  expect(request.facts.stream).toBe(true);
  expect(JSON.parse(Buffer.from(request.body).toString())).toEqual(chat({ stream: true }));
});

describe('failures', () => {
  it.each(dialects)('before the first event have their own status on $path', async ({ path }) => {
    await using server = await startTestServer({
      // oxlint-disable-next-line require-yield -- an answer that is nothing but its failure
      script: async function* () {
        throw new ClusterError('overloaded', 'the queue is full', { details: { retryAfterMs: 1_500 } });
      },
    });
    const reply = await send(server.port, path, { body: chat({ stream: true }) });
    expect(reply.status).toBe(503);
    expect(reply.headers).toMatchObject({ 'retry-after': '2', server: 'waggle', 'x-waggle-node': 'node-1' });
    expect(reply.headers['x-request-id']).toBeTruthy();
    expect(reply.json()).toHaveProperty('error');
  });

  it.each(dialects)('after the first event are one error in the stream on $path', async ({ path, streamError }) => {
    await using server = await startTestServer({
      script: async function* () {
        yield text(line);
        throw new ClusterError('engine-failed', 'the engine died');
      },
    });
    const reply = await send(server.port, path, { body: chat({ stream: true }) });
    expect(reply.status).toBe(200);
    expect(reply.text.slice(line.length)).toMatch(streamError);
    expect(reply.text).toContain('the engine died');
  });

  it('cut a whole answer that was begun', async () => {
    const read = Promise.withResolvers<void>();
    await using server = await startTestServer({
      script: async function* () {
        yield text('{"half":');
        await read.promise;
        throw new ClusterError('engine-failed', 'the engine died');
      },
    });
    const { response } = await open(server.port, '/api/chat', { body: chat({ stream: false }) });
    read.resolve();
    await expect(readReply(response)).rejects.toThrow('aborted');
  });

  it.each([
    ['a stream', true],
    ['a whole answer', false],
  ])('include %s that stops before its last event', async (_case, stream) => {
    await using server = await startTestServer({
      script: async function* () {
        if (stream) yield text(line);
      },
    });
    const reply = await send(server.port, '/api/chat', { body: chat({ stream }) });
    expect(reply.text).toContain('the answer stopped before its last event');
    expect(reply.status).toBe(stream ? 200 : 502);
  });

  it('nobody foresaw say their code and the request id only, and are logged', async () => {
    const logged: unknown[] = [];
    const log = (event: string, facts?: object) => logged.push({ event, ...facts });
    await using server = await startTestServer({
      // oxlint-disable-next-line require-yield -- an answer that is nothing but its failure
      script: async function* () {
        throw new Error('password=hunter2');
      },
      logger: { error: log, warn: log, info: log, debug: log },
    });
    for (const { path } of dialects) {
      const reply = await send(server.port, path, { body: chat(), headers: { 'x-request-id': 'r-1' } });
      expect(reply.status).toBe(500);
      expect(reply.text).toContain('r-1');
      expect(reply.text).not.toContain('hunter2');
    }
    expect(logged).toContainEqual(
      expect.objectContaining({ event: 'request-failed', requestId: 'r-1', message: 'password=hunter2' }),
    );
  });
});

describe('load and unload requests', () => {
  it.each([
    ['/api/generate', { model: 'm' }, 'load', { response: '', done: true, done_reason: 'load' }],
    [
      '/api/chat',
      { model: 'm', messages: [] },
      'load',
      { message: { role: 'assistant', content: '' }, done_reason: 'load' },
    ],
    ['/api/generate', { model: 'm', keep_alive: 0 }, 'unload', { response: '', done: true, done_reason: 'unload' }],
    ['/api/embed', { model: 'm' }, 'load', { model: 'm', embeddings: [] }],
  ])('%s %j', async (path, body, action, expected) => {
    await using server = await startTestServer();
    const reply = await send(server.port, path, { body });
    const nodes = action === 'load' ? ['node-1', '1'] : ['node-1, kn%C3%B6t', '2'];
    expect(reply.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'x-waggle-node': nodes[0],
      'x-waggle-attempts': nodes[1],
    });
    expect(reply.json()).toMatchObject(expected);
    expect(server.residency.loaded.map((facts) => facts.model)).toEqual(action === 'load' ? ['m'] : []);
    expect(server.residency.unloaded).toEqual(action === 'unload' ? ['m'] : []);
    expect(server.inference.runs).toEqual([]);
  });
});

describe('requests that came through here before', () => {
  it('are refused in words', async () => {
    await using server = await startTestServer();
    const reply = await send(server.port, '/api/chat', {
      body: chat(),
      headers: { 'x-waggle-hops': 'other, cluster-1' },
    });
    expect(reply).toMatchObject({ status: 508, text: expect.stringContaining('already went through this Waggle') });
    expect(server.inference.runs).toEqual([]);
  });

  it('are refused whatever they ask for, so that no engine list has this cluster in it', async () => {
    await using server = await startTestServer();
    const get = (path: string) => send(server.port, path, { method: 'GET', headers: { 'x-waggle-hops': 'cluster-1' } });
    expect(await get('/api/tags')).toMatchObject({ status: 508 });
    expect((await get('/v1/models')).json()).toMatchObject({ error: { code: 'loop_detected', type: 'api_error' } });
  });

  it.each([
    ['of other clusters go on, and name them', 'one, two', 200],
    ['that passed seven others go on', 'a,b,c,d,e,f,g', 200],
    ['that passed eight are taken for a loop', 'a,b,c,d,e,f,g,h', 508],
    ['with no ids in them are wrong', 'a,,b', 400],
    ['with a line end are none', 'a\u00e9', 400],
    ['without an end are none', new Array(200).fill('a').join(','), 508],
    ['of endless length are none', 'x'.repeat(5_000), 400],
  ])('%s', async (_, hops, status) => {
    await using server = await startTestServer({
      script: async function* () {
        yield text('{}', true);
      },
    });
    const reply = await send(server.port, '/api/chat', { body: chat(), headers: { 'x-waggle-hops': hops } });
    expect(reply.status).toBe(status);
    expect(server.inference.runs.map((run) => run.request.hops)).toEqual(status === 200 ? [hops] : []);
  });
});

it('answers requests of one connection in their order', async () => {
  await using server = await startTestServer({
    script: async function* (request) {
      yield text(request.requestId, true);
    },
  });
  const body = JSON.stringify(chat({ stream: false }));
  const head = (id: string, connection: string) =>
    `POST /api/chat HTTP/1.1\r\nHost: localhost\r\nConnection: ${connection}\r\nX-Request-Id: ${id}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const replies = await sendRaw(server.port, head('first', 'keep-alive') + head('second', 'close'));
  expect(replies.match(/\r\n\r\n(first|second)/g)).toEqual(['\r\n\r\nfirst', '\r\n\r\nsecond']);
});
