import { describe, expect, it } from 'vitest';
import { send, sendRaw } from './test-client.ts';
import { startTestServer, text } from './test-server.ts';

const answered = {
  script: async function* () {
    yield text('{"done":true}', true);
  },
};

describe('unknown paths and methods', () => {
  it.each([
    ['GET', '/api/nope', 404, '404 page not found'],
    ['POST', '/', 405, '405 method not allowed'],
    ['GET', '/api/generate', 405, '405 method not allowed'],
    ['DELETE', '/api/tags', 405, '405 method not allowed'],
    ['OPTIONS', '/api/chat', 405, '405 method not allowed'],
    ['GET', '/api/nope/', 404, '404 page not found'],
    ['GET', '/api/chat/', 404, '404 page not found'],
    ['GET', '/api/blobs/x', 405, '405 method not allowed'],
    ['GET', '/api/%2F', 404, '404 page not found'],
  ])('%s %s is %i as at Ollama', async (method, path, status, words) => {
    await using server = await startTestServer(answered);
    const reply = await send(server.port, path, { method });
    expect(reply).toMatchObject({ status, text: words });
    expect(reply.headers['content-type']).toBe('text/plain');
    expect(reply.headers['server']).toBe('waggle');
    if (status === 405) expect(reply.headers['allow']).toBeTruthy();
  });

  it.each([
    ['GET', '/api/tags/', 301, '/api/tags'],
    ['GET', '/api/tags/?a="><b>', 301, '/api/tags?a=%22%3E%3Cb%3E'],
    ['POST', '/api/chat/', 307, '/api/chat'],
  ])('%s %s is %i, without its last slash', async (method, path, status, location) => {
    await using server = await startTestServer(answered);
    const reply = await send(server.port, path, { method });
    expect(reply.status).toBe(status);
    expect(reply.headers['location']).toBe(location);
    expect(reply.text).not.toContain('<b>');
  });

  it.each([
    ['GET', '//', '/'],
    ['GET', '/api//tags?a=//', '/api/tags?a=//'],
    ['HEAD', '//api/tags', '/api/tags'],
    ['POST', '//api/generate', '/api/generate'],
    ['DELETE', '/api//delete', '/api/delete'],
    ['GET', '/api/./tags', '/api/tags'],
    ['GET', '/api/x/../tags', '/api/tags'],
    ['GET', '/..', '/'],
    ['GET', '/api/tags//', '/api/tags/'],
    ['GET', '//evil.example/"><b>', '/evil.example/"><b>'],
    ['GET', '/v1//models', '/v1/models'],
  ])('%s %s is sent to the path it means, as at Ollama', async (method, path, location) => {
    for (const basePath of ['', '/waggle']) {
      await using server = await startTestServer({ ...answered, server: { basePath } });
      const reply = await send(server.port, basePath + path, { method, headers: { 'x-request-id': 'mine' } });
      expect(reply.status).toBe(307);
      expect(reply.headers).toMatchObject({ location: basePath + location, 'x-request-id': 'mine', server: 'waggle' });
      expect(reply.text).not.toContain('<b>');
      expect(reply.text !== '').toBe(method === 'GET');
    }
  });

  it.each(['/%zz', '/api/tags%', '/api/%e/x'])('GET %s is 400', async (path) => {
    await using server = await startTestServer(answered);
    expect(await send(server.port, path, { method: 'GET' })).toMatchObject({ status: 400, text: '400 Bad Request' });
  });

  it('a query may hold what it likes', async () => {
    await using server = await startTestServer(answered);
    expect((await send(server.port, '/api/tags?a=%zz//..', { method: 'GET' })).status).toBe(200);
  });

  it.each([
    ['x:1', '404 Not Found'],
    ['/api/tags', '405 Method Not Allowed'],
  ])('CONNECT %s is %s, with an id', async (target, status) => {
    await using server = await startTestServer(answered);
    const reply = await sendRaw(server.port, `CONNECT ${target} HTTP/1.1\r\nHost: x:1\r\nX-Request-Id: mine\r\n\r\n`);
    expect(reply).toMatch(new RegExp(`^HTTP/1\\.1 ${status}\r\n`));
    expect(reply).toContain('\r\nx-request-id: mine\r\n');
    if (status.startsWith('405')) expect(reply).toContain('\r\nallow: HEAD, GET\r\n');
  });

  it('blobs have the methods they have at Ollama', async () => {
    await using server = await startTestServer(answered);
    expect((await send(server.port, '/api/blobs/x', { method: 'PUT' })).headers['allow']).toBe('HEAD, POST');
    expect((await send(server.port, '/api/blobs/x', { method: 'HEAD' })).status).toBe(400);
  });

  it.each([
    ['POST', '/v1/nope', 404],
    ['GET', '/v1', 404],
    ['GET', '/v1/chat/completions', 405],
    ['POST', '/v1/models', 405],
    ['POST', '/v1/batches', 501],
    ['GET', '/v1/files/abc/content', 501],
  ])('%s %s is an error object with %i', async (method, path, status) => {
    await using server = await startTestServer(answered);
    const reply = await send(server.port, path, { method });
    expect(reply.status).toBe(status);
    expect(reply.json()).toEqual({
      error: {
        message: expect.stringMatching(/./),
        type: expect.any(String),
        param: null,
        code: status === 501 ? 'not_implemented' : null,
      },
    });
  });

  it.each([
    ['/', 200],
    ['/api/version', 200],
    ['/api/tags', 200],
    ['/health', 200],
    ['/api/ps', 405],
    ['/v1/models', 405],
    ['/api/nope', 404],
  ])('HEAD %s is %i', async (path, status) => {
    await using server = await startTestServer(answered);
    const head = await send(server.port, path, { method: 'HEAD' });
    expect(head).toMatchObject({ status, text: '' });
    if (status !== 200) return;
    const get = await send(server.port, path, { method: 'GET' });
    expect(head.headers['content-length']).toBe(String(get.body.length));
    expect(head.headers['content-type']).toBe(get.headers['content-type']);
  });

  it('are judged behind the base path only', async () => {
    await using server = await startTestServer({ ...answered, server: { basePath: '/waggle' } });
    for (const [path, status] of [
      ['/waggle/api/version', 200],
      ['/waggle', 200],
      ['/waggle/', 200],
      ['/waggle?x=1', 200],
      ['/waggler/api/version', 404],
      ['/waggleapi/version', 404],
      ['/api/version', 404],
      ['/', 404],
    ] as const) {
      expect([path, (await send(server.port, path, { method: 'GET' })).status]).toEqual([path, status]);
    }
  });
});
