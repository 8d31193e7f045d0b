import { once } from 'node:events';
import { connect } from 'node:net';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { describe, expect, it } from 'vitest';
import { nextChunk, open, readReply, send, sendRaw, start } from '../test-client.ts';
import { type AnswerScript, aborted, silent, startTestServer, text, typed } from '../test-server.ts';

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

describe('a client that leaves', () => {
  it.each([
    ['before the first event', silent],
    [
      'in the middle of a stream',
      async function* (_request, signal) {
        yield text(line);
        await aborted(signal);
        throw signal.reason;
      } satisfies AnswerScript,
    ],
  ] as [string, AnswerScript][])('%s cancels the work', async (_case, script) => {
    await using server = await startTestServer({ script });
    const request = start(server.port, '/api/chat');
    request.on('error', () => {});
    request.end(JSON.stringify(chat()));
    const { signal } = await server.inference.asked();
    if (script !== silent) await once(request, 'response');
    request.destroy();
    await aborted(signal);
    expect(signal.reason).toMatchObject({ code: 'client-gone' });
  });

  it('while its request waits behind another one on the same connection cancels both', async () => {
    await using server = await startTestServer();
    const body = JSON.stringify(chat());
    const head = `POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const socket = connect(server.port, '127.0.0.1', () => socket.write(head + head));
    const signals = [(await server.inference.asked(1)).signal, (await server.inference.asked(2)).signal];
    socket.destroy();
    await Promise.all(signals.map(aborted));
    expect(signals.map((signal) => signal.reason.code)).toEqual(['client-gone', 'client-gone']);
  });

  it('during its own body reaches no engine', async () => {
    await using server = await startTestServer();
    const request = start(server.port, '/api/chat', { headers: { 'content-length': '100' } });
    request.on('error', () => {});
    const closed = new Promise((resolve) => request.on('close', resolve));
    request.write('{');
    request.destroy();
    await closed;
    await server.http.drain();
    expect(server.inference.runs).toEqual([]);
  });
});

describe('a client that reads slowly', () => {
  const block = `${'x'.repeat(99_999)}\n`;

  it('is waited for, and gets everything in the end', async () => {
    const blocks = 200;
    let written = 0;
    await using server = await startTestServer({
      script: async function* () {
        for (; written < blocks; written++) yield text(block, written === blocks - 1);
      },
    });
    const { response } = await open(server.port, '/api/chat', { body: chat() });
    expect(await nextChunk(response)).toBeTruthy();
    // Once a read is blocked the script gets no further, however long it takes.
    const stopped = await standstill(() => written);
    expect(stopped).toBeLessThan(blocks / 2);
    let received = 0;
    for await (const chunk of response) received += chunk.length;
    expect(received).toBeGreaterThan((blocks - 1) * block.length);
    expect(written).toBe(blocks);
  });

  it('is cut when it takes no byte for too long', async () => {
    await using server = await startTestServer({
      server: { writeTimeoutMs: 100 },
      script: async function* (_request, signal) {
        // Far more than sockets hold, and yet an end.
        for (let sent = 0; sent < 1_000 && !signal.aborted; sent++) yield text(block);
        throw signal.reason;
      },
    });
    const { request } = await open(server.port, '/api/chat', { body: chat() });
    request.on('error', () => {});
    const { signal } = await server.inference.asked();
    await aborted(signal);
    expect(signal.reason).toMatchObject({ code: 'client-gone' });
    request.destroy();
  });

  it('is cut too when the whole answer lies in the buffer', async () => {
    const written = Promise.withResolvers<void>();
    await using server = await startTestServer({
      server: { writeTimeoutMs: 100 },
      script: async function* () {
        yield text('x'.repeat(20_000_000), true);
        written.resolve();
      },
    });
    const { request, response } = await open(server.port, '/api/chat', { body: chat({ stream: false }) });
    await written.promise;
    await server.http.drain();
    request.on('error', () => {});
    await expect(readReply(response)).rejects.toThrow('aborted');
  });
});

/** The value a counter keeps over a few turns of the event loop. */
async function standstill(read: () => number): Promise<number> {
  for (let last = -1, same = 0; ; ) {
    await new Promise((resolve) => setImmediate(resolve));
    same = read() === last ? same + 1 : 0;
    last = read();
    if (same > 500) return last;
  }
}

describe('deadlines', () => {
  it.each(dialects)('end in 504 on $path', async ({ path }) => {
    await using server = await startTestServer();
    const reply = send(server.port, path, { body: chat(), headers: { 'x-waggle-deadline-ms': '250' } });
    const { request, signal } = await server.inference.asked();
    expect(request.deadlineMs).toBe(250);
    await server.clock.advance(249);
    expect(signal.aborted).toBe(false);
    await server.clock.advance(1);
    expect(await reply).toMatchObject({ status: 504, text: expect.stringContaining('x-waggle-deadline-ms') });
  });

  it('leave no timer behind', async () => {
    await using server = await startTestServer({
      script: async function* () {
        yield text(lastLine, true);
      },
    });
    const before = server.clock.pending;
    await send(server.port, '/api/chat', { body: chat(), headers: { 'x-waggle-deadline-ms': '250' } });
    expect(server.clock.pending).toBe(before);
  });
});

describe('silence in a stream', () => {
  const pausing = (resume: Promise<void>): AnswerScript =>
    async function* () {
      yield text('data: {}\n\n');
      await resume;
      yield text('data: [DONE]\n\n', true);
    };

  it('is broken by a comment every 15 s for OpenAI clients', async () => {
    const resume = Promise.withResolvers<void>();
    await using server = await startTestServer({ script: pausing(resume.promise) });
    const { response } = await open(server.port, '/v1/chat/completions', { body: chat({ stream: true }) });
    expect(await nextChunk(response)).toBe('data: {}\n\n');
    await server.clock.advance(14_000);
    const comment = nextChunk(response);
    await server.clock.advance(3_000);
    expect(await comment).toBe(': waiting\n\n');
    resume.resolve();
    expect((await readReply(response)).text).toBe('data: [DONE]\n\n');
  });

  it('is left alone for Ollama clients', async () => {
    const resume = Promise.withResolvers<void>();
    await using server = await startTestServer({ script: pausing(resume.promise) });
    const { response } = await open(server.port, '/api/chat', { body: chat({ stream: true }) });
    await nextChunk(response);
    await server.clock.advance(60_000);
    resume.resolve();
    expect((await readReply(response)).text).toBe('data: [DONE]\n\n');
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
    expect(reply.headers['content-type']).toBe('application/json; charset=utf-8');
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
    expect(reply).toMatchObject({ status: 400, text: expect.stringContaining('already went through this Waggle') });
    expect(server.inference.runs).toEqual([]);
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

describe('the bytes of a stream', () => {
  const parts = ['ä€𝄞', '', 'x'.repeat(20_000), '\u0000ÿ', 'end'];
  const script: AnswerScript = async function* () {
    for (const [index, part] of parts.entries()) yield text(part, index === parts.length - 1);
  };

  it.each(['/api/chat', '/api/chat?x=1'])('arrive as they are at %s', async (path) => {
    await using server = await startTestServer({ script });
    expect((await send(server.port, path, { body: chat({ stream: true }) })).text).toBe(parts.join(''));
    expect((await send(server.port, '/v1/completions', { body: { model: 'm', prompt: 'x', stream: true } })).text).toBe(
      parts.join(''),
    );
  });

  it('arrive unframed where the client speaks HTTP/1.0', async () => {
    await using server = await startTestServer({ script });
    const body = JSON.stringify(chat());
    const reply = await sendRaw(
      server.port,
      `POST /api/chat HTTP/1.0\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(reply).not.toMatch(/transfer-encoding/i);
    expect(Buffer.from(reply.slice(reply.indexOf('\r\n\r\n') + 4), 'latin1').toString()).toBe(parts.join(''));
  });

  it('leave the connection usable', async () => {
    await using server = await startTestServer({ script });
    const body = JSON.stringify(chat());
    const request = (connection: string) =>
      `POST /api/chat HTTP/1.1\r\nHost: localhost\r\nConnection: ${connection}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const replies = await sendRaw(server.port, request('keep-alive') + request('close'));
    expect(replies.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
    expect(replies.match(/\r\n0\r\n\r\n/g)).toHaveLength(2);
  });
});
