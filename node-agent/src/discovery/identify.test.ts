import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { systemClock } from '@waggle/shared/observing/clock.ts';
import { expect, test } from 'vitest';
import { type Answerer, identify } from './identify.ts';

async function identifyAt(dialect: 'ollama' | 'openai', listener: RequestListener): Promise<Answerer> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  const url = `http://127.0.0.1:${address.port}${dialect === 'openai' ? '/v1' : ''}`;
  try {
    return await identify({ dialect, url }, systemClock, AbortSignal.timeout(5_000));
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };

test('an Ollama', async () => {
  expect(await identifyAt('ollama', json(200, { version: '0.34.2' }))).toEqual({ kind: 'engine' });
});

test.each([
  ['with models', json(200, { object: 'list', data: [{ id: 'm' }] })],
  ['without any', json(200, { object: 'list', data: null })],
  ['that loads its model', json(503, { error: { message: 'Loading model' } })],
  ['that wants a key', json(401, { error: 'unauthorized' })],
])('an OpenAI-compatible server %s', async (_name, listener) => {
  expect(await identifyAt('openai', listener)).toEqual({ kind: 'engine' });
});

test('Waggle is never taken for an engine', async () => {
  const waggle = json(200, { version: '0.34.2', data: [] }, { server: 'waggle' });
  for (const dialect of ['ollama', 'openai'] as const) {
    expect(await identifyAt(dialect, waggle)).toEqual({
      kind: 'other',
      what: expect.stringContaining('Waggle itself'),
    });
  }
});

test('a web page is named by its title', async () => {
  const page: RequestListener = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end('<!doctype html><html><head><title>Open WebUI</title></head></html>');
  };
  expect(await identifyAt('openai', page)).toEqual({ kind: 'other', what: 'a web page ("Open WebUI")' });
});

test('another server is named by its header', async () => {
  const other = json(404, { detail: 'Not Found' }, { server: 'uvicorn' });
  expect(await identifyAt('openai', other)).toEqual({ kind: 'other', what: 'another server (uvicorn)' });
});

test('nobody', async () => {
  const url = 'http://127.0.0.1:1';
  expect(await identify({ dialect: 'ollama', url }, systemClock, AbortSignal.timeout(5_000))).toEqual({
    kind: 'nobody',
  });
});
