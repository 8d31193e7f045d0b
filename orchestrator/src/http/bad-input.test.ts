import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { open, readReply, send, sendRaw, start } from './test-client.ts';
import { aborted, startTestServer, text } from './test-server.ts';

const answered = {
  script: async function* () {
    yield text('{"done":true}', true);
  },
};
const chat = { model: 'tiny', messages: [{ role: 'user', content: 'hi' }], stream: false };
const generationPaths = ['/api/chat', '/v1/chat/completions'] as const;

/** An error as the path's dialect says it. */
function expectDialectError(path: string, body: unknown, words: string | RegExp): void {
  const message = path.startsWith('/v1')
    ? (body as { readonly error: { readonly message: string } }).error.message
    : (body as { readonly error: string }).error;
  expect(message).toMatch(words);
  if (path.startsWith('/v1')) {
    expect(body).toMatchObject({ error: { message: expect.any(String), type: expect.any(String) } });
    expect(Object.keys((body as { readonly error: object }).error)).toEqual(expect.arrayContaining(['param', 'code']));
  }
}

describe.each(generationPaths)('a bad body on %s', (path) => {
  it.each([
    ['nothing', '', 400, 'missing request body'],
    ['cut short', '{"model":"tiny","messages":[', 400, 'unexpected EOF'],
    ['no JSON', '{"model": me}', 400, "invalid character 'm' at position 10 (line 1, column 11)"],
    ['no UTF-8', Buffer.from([...Buffer.from('{"model":"'), 0xc3, 0x28, ...Buffer.from('"}')]), 400, 'not valid UTF-8'],
    ['deep', `{"model":"tiny","messages":${'['.repeat(200_000)}`, 400, 'nests deeper than 128 levels'],
    [
      'deep and closed',
      `{"model":"tiny","messages":${'['.repeat(5_000)}${']'.repeat(5_000)}}`,
      400,
      'nests deeper than 128 levels',
    ],
    ['large', `{"model":"tiny","prompt":"${'x'.repeat(1_000_000)}"}`, 413, 'limits.maxBodyBytes'],
  ])('(%s) is refused in words', async (_case, body, status, words) => {
    await using server = await startTestServer(answered);
    const reply = await send(server.port, path, { body });
    expect(reply.status).toBe(status);
    expectDialectError(path, reply.json(), words);
    expect(reply.headers).toMatchObject({ 'x-request-id': expect.any(String), 'x-waggle-attempts': '0' });
    expect(server.inference.runs).toEqual([]);
    // The process is unharmed.
    expect((await send(server.port, path, { body: chat })).status).toBe(200);
  });

  it('without announced length is refused once it is too large', async () => {
    await using server = await startTestServer({ ...answered, limits: { maxBodyBytes: 1_000 } });
    const request = start(server.port, path, { headers: { connection: 'keep-alive' } });
    request.on('error', () => {});
    const response = once(request, 'response');
    request.write('x'.repeat(2_000));
    const [{ statusCode, headers }] = await response;
    expect(statusCode).toBe(413);
    expect(headers.connection).toBe('close');
    request.destroy();
  });

  it('that stops coming ends in 408', async () => {
    await using server = await startTestServer({ ...answered, server: { readTimeoutMs: 2_000 } });
    const request = start(server.port, path, { headers: { 'content-length': '100' } });
    request.on('error', () => {});
    const response = once(request, 'response');
    request.write('{');
    for (;;) {
      await server.clock.advance(500);
      const outcome = await Promise.race([response, new Promise((resolve) => setImmediate(resolve))]);
      if (outcome !== undefined) break;
    }
    const [{ statusCode }] = await response;
    expect(statusCode).toBe(408);
  });

  it('with more values than are read is refused', async () => {
    await using server = await startTestServer({ ...answered, limits: { jsonValues: 1_000 } });
    const reply = await send(server.port, path, { body: { ...chat, x: new Array(1_001).fill(1) } });
    expect(reply.status).toBe(400);
    expectDialectError(path, reply.json(), 'limits.jsonValues');
  });

  it('with a name that no model has is refused before anything remembers it', async () => {
    await using server = await startTestServer(answered);
    const reply = await send(server.port, path, { body: { ...chat, model: 'x'.repeat(100_000) } });
    expect(reply.status).toBe(400);
    expectDialectError(path, reply.json(), /^invalid model name$/);
    expect(server.inference.runs).toEqual([]);
  });

  it('waits its turn in words while large ones fill the room, and small ones go on', async () => {
    const go = Promise.withResolvers<void>();
    await using server = await startTestServer({
      script: async function* () {
        await go.promise;
        yield text('{"done":true}', true);
      },
      limits: { maxBodyBytes: 1_000_000, heldBytes: 1_000_000 },
    });
    const large = { ...chat, user: 'x'.repeat(600_000) };
    const first = send(server.port, path, { body: large });
    await server.inference.asked();
    const refused = await send(server.port, path, { body: large });
    expect(refused.status).toBe(503);
    expect(refused.headers).toMatchObject({ 'retry-after': '1', connection: 'close' });
    expectDialectError(path, refused.json(), 'limits.heldBytes');
    const unannounced = start(server.port, path, { headers: { 'transfer-encoding': 'chunked' } });
    unannounced.on('error', () => {});
    const response = once(unannounced, 'response');
    unannounced.end(JSON.stringify(large));
    const [{ statusCode }] = await response;
    expect(statusCode).toBe(503);
    const small = send(server.port, path, { body: chat });
    await server.inference.asked(2);
    go.resolve();
    expect([(await first).status, (await small).status]).toEqual([200, 200]);
    expect((await send(server.port, path, { body: large })).status).toBe(200);
  });

  it('has room again with the first event of a large one', async () => {
    const go = Promise.withResolvers<void>();
    await using server = await startTestServer({
      script: async function* () {
        yield text('{"done":false}\n');
        await go.promise;
        yield text('{"done":true}\n', true);
      },
      limits: { maxBodyBytes: 1_000_000, heldBytes: 1_000_000 },
    });
    const large = { ...chat, stream: true, user: 'x'.repeat(600_000) };
    const first = await open(server.port, path, { body: large });
    const second = await open(server.port, path, { body: large });
    go.resolve();
    expect([first, second].map(({ response }) => response.statusCode)).toEqual([200, 200]);
    await Promise.all([readReply(first.response), readReply(second.response)]);
  });

  it.each([
    ['x-waggle-priority', 'urgent'],
    ['x-waggle-cache', 'yes'],
    ['x-waggle-deadline-ms', 'soon'],
    ['x-waggle-deadline-ms', '0'],
    ['x-waggle-deadline-ms', '-5'],
    ['x-waggle-deadline-ms', '1e999'],
  ])('or a header %s: %s that cannot be meant', async (name, value) => {
    await using server = await startTestServer(answered);
    const reply = await send(server.port, path, { body: chat, headers: { [name]: value } });
    expect(reply.status).toBe(400);
    expectDialectError(path, reply.json(), name);
  });
});

describe('request heads', () => {
  const body = JSON.stringify(chat);
  const post = (path: string, ...lines: string[]): string =>
    [`POST ${path} HTTP/1.1`, ...lines, 'Connection: close', '', body].join('\r\n');

  it.each([
    [
      'an absolute target',
      post('http://evil.example/api/chat', 'Host: localhost', `Content-Length: ${body.length}`),
      400,
    ],
    [
      'an absolute target with an allowed host',
      post('http://localhost/api/chat', 'Host: localhost', `Content-Length: ${body.length}`),
      400,
    ],
    ['a foreign Host', post('/api/chat', 'Host: evil.example', `Content-Length: ${body.length}`), 403],
    ['an empty Host', post('/api/chat', 'Host:', `Content-Length: ${body.length}`), 403],
    ['no Host', post('/api/chat', `Content-Length: ${body.length}`), 400],
    ['two Hosts', post('/api/chat', 'Host: localhost', 'Host: evil.example', `Content-Length: ${body.length}`), 400],
    ['two lengths', post('/api/chat', 'Host: localhost', `Content-Length: ${body.length}`, 'Content-Length: 1'), 400],
    [
      'a length and chunks',
      post('/api/chat', 'Host: localhost', `Content-Length: ${body.length}`, 'Transfer-Encoding: chunked'),
      400,
    ],
    [
      'chunks and a length',
      post('/api/chat', 'Host: localhost', 'Transfer-Encoding: chunked', `Content-Length: ${body.length}`),
      400,
    ],
    ['an unknown transfer coding', post('/api/chat', 'Host: localhost', 'Transfer-Encoding: xchunked'), 400],
    ['a bad length', post('/api/chat', 'Host: localhost', 'Content-Length: -5'), 400],
    ['a broken header', post('/api/chat', 'Host: localhost', 'Content Length: 5'), 400],
    ['a header too long', post('/api/chat', 'Host: localhost', `X: ${'x'.repeat(20_000)}`), 431],
    [
      'a foreign Origin',
      post('/api/chat', 'Host: localhost', 'Origin: https://evil.example', `Content-Length: ${body.length}`),
      403,
    ],
    ['no HTTP', 'nonsense\r\n\r\n', 400],
  ])('with %s are refused', async (_case, request, status) => {
    await using server = await startTestServer(answered);
    const reply = await sendRaw(server.port, request);
    expect(reply).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(reply).toMatch(/\r\nx-request-id: [\w-]+\r\n/);
    expect(server.inference.runs).toEqual([]);
    expect((await send(server.port, '/api/chat', { body: chat })).status).toBe(200);
  });

  it('are as long as server.maxHeaderBytes says, and no longer', async () => {
    await using server = await startTestServer({ ...answered, server: { maxHeaderBytes: 2_000 } });
    const padded = (length: number) =>
      post('/api/chat', 'Host: localhost', `X: ${'x'.repeat(length)}`, `Content-Length: ${body.length}`);
    expect(await sendRaw(server.port, padded(1_000))).toMatch(/^HTTP\/1\.1 200 /);
    expect(await sendRaw(server.port, padded(2_000))).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('come from server.maxConnections at once; one more is closed, and others are served when one has gone', async () => {
    await using server = await startTestServer({ ...answered, server: { maxConnections: 2 } });
    const idle = [connect(server.port, '127.0.0.1'), connect(server.port, '127.0.0.1')] as const;
    await Promise.all(idle.map((socket) => once(socket, 'connect')));
    const request = post('/api/chat', 'Host: localhost', `Content-Length: ${body.length}`);
    expect(await sendRaw(server.port, request).catch(() => '')).toBe('');
    idle[0].destroy();
    // Until the server has seen that it went.
    let reply = '';
    while (reply === '') reply = await sendRaw(server.port, request).catch(() => '');
    expect(reply).toMatch(/^HTTP\/1\.1 200 /);
    idle[1].destroy();
  });

  it('may be followed by others on their connection for server.keepAliveTimeout, which the answer says', async () => {
    await using server = await startTestServer({ ...answered, server: { keepAliveTimeoutMs: 20_000 } });
    const { headers } = await send(server.port, '/health', { method: 'GET', headers: { connection: 'keep-alive' } });
    expect(headers['keep-alive']).toBe('timeout=20');
  });

  it('with a foreign Host are refused in the words of the dialect, with an id', async () => {
    await using server = await startTestServer(answered);
    for (const path of generationPaths) {
      const reply = await send(server.port, path, { body: chat, headers: { host: 'evil.example' } });
      expect(reply.status).toBe(403);
      expectDialectError(path, reply.json(), 'server.hosts');
      expect(reply.headers).toMatchObject({ server: 'waggle', 'x-request-id': expect.any(String) });
    }
  });

  it.each([['Host: localhost:'], ['Host: 127.0.0.1:'], ['Host: localhost', 'Origin:']])(
    'with %s %s are taken',
    async (...lines) => {
      await using server = await startTestServer(answered);
      expect(await sendRaw(server.port, post('/api/chat', ...lines, `Content-Length: ${body.length}`))).toMatch(
        /^HTTP\/1\.1 200 /,
      );
      const get = ['GET /api/version HTTP/1.1', ...lines, 'Connection: close', '', ''].join('\r\n');
      expect(await sendRaw(server.port, get)).toMatch(/^HTTP\/1\.1 200 /);
    },
  );

  it('that go wrong in the middle of an answer get nothing written into it', async () => {
    await using server = await startTestServer({
      script: async function* (_request, signal) {
        yield text('{"done":false}\n');
        await aborted(signal);
        throw signal.reason;
      },
    });
    const first = `POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const socket = connect(server.port, '127.0.0.1', () => socket.write(first));
    let received = '';
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      if (received === '') socket.write('nonsense\r\n\r\n');
      received += String(chunk);
    });
    await once(socket, 'close');
    expect(received.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  it('with any Authorization are taken', async () => {
    await using server = await startTestServer(answered);
    const reply = await send(server.port, '/v1/chat/completions', {
      body: chat,
      headers: { authorization: 'Bearer sk-anything' },
    });
    expect(reply.status).toBe(200);
  });

  it('that never end are given up', async () => {
    await using server = await startTestServer({ ...answered, server: { headersTimeoutMs: 50 } });
    const socket = connect(server.port, '127.0.0.1', () => socket.write('POST /api/chat HTTP/1.1\r\nX: '));
    let received = '';
    socket.on('data', (chunk) => {
      received += String(chunk);
    });
    await once(socket, 'close');
    expect(received).toMatch(/^HTTP\/1\.1 408 /);
  });
});

describe('pages of other origins', () => {
  it('get the answer marked where they are allowed, and a preflight as Ollama gives it', async () => {
    await using server = await startTestServer({ ...answered, server: { origins: ['https://chat.example'] } });
    const headers = {
      origin: 'https://chat.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'x-stainless-os',
    };
    const preflight = await send(server.port, '/v1/chat/completions', { method: 'OPTIONS', headers });
    expect(preflight.status).toBe(204);
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': 'https://chat.example',
      'access-control-allow-headers': expect.stringContaining('X-Stainless-Os'),
      'access-control-allow-methods': 'GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS',
      'access-control-max-age': '43200',
      allow: 'POST',
      vary: expect.stringContaining('Origin'),
    });
    for (const path of ['/v1/chat/completions', '/api/version']) {
      const method = path === '/api/version' ? 'GET' : 'POST';
      const reply = await send(server.port, path, {
        method,
        body: method === 'POST' ? chat : undefined,
        headers: { origin: 'https://chat.example' },
      });
      expect(reply.status).toBe(200);
      expect(reply.headers).toMatchObject({ 'access-control-allow-origin': 'https://chat.example', vary: 'Origin' });
    }
  });

  it.each(['GET', 'POST', 'OPTIONS', 'DELETE'])('are refused on %s', async (method) => {
    await using server = await startTestServer(answered);
    const reply = await send(server.port, '/api/chat', { method, headers: { origin: 'https://evil.example' } });
    expect(reply.status).toBe(403);
    expect(reply.headers['access-control-allow-origin']).toBeUndefined();
  });
});
