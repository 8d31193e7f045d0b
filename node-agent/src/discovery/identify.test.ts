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

const page =
  (status: number, title: string, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', ...headers });
    response.end(`<!doctype html><html><head><title>${title}</title></head></html>`);
  };

/** Other answers for some paths. */
const at =
  (paths: Record<string, RequestListener>, otherwise: RequestListener): RequestListener =>
  (request, response) =>
    (paths[request.url ?? ''] ?? otherwise)(request, response);

const noBody: RequestListener = (_request, response) => void response.writeHead(403).end();

test.each([
  ['', json(200, { version: '0.34.2' })],
  ['that does not know the name of its host', noBody],
])('an Ollama %s', async (_name, listener) => {
  expect(await identifyAt('ollama', listener)).toEqual({ kind: 'engine' });
});

/** As vLLM with --api-key: the key is wanted below /v1 only. */
const unauthorized = json(401, { error: 'Unauthorized' });
const plain =
  (text: string): RequestListener =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' }).end(text);
  };

test.each([
  ['with models', json(200, { object: 'list', data: [{ id: 'm' }] })],
  ['without any', json(200, { object: 'list', data: null })],
  ['that loads its model', json(503, { error: { message: 'Loading model' } })],
  ['that wants a key', at({ '/v1/models': unauthorized, '/version': json(200, { version: '0.33.0' }) }, noBody)],
  ['that wants a key, by its metrics', at({ '/metrics': plain('vllm:num_requests_running 0') }, unauthorized)],
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

test.each([
  ['a web page', page(200, 'Open WebUI'), 'a web page ("Open WebUI")'],
  ['a page behind an API', at({ '/': page(200, 'Home') }, json(404, {})), 'a web page ("Home")'],
  ['another server', json(404, { detail: 'Not Found' }, { server: 'uvicorn' }), 'another server (uvicorn)'],
  ['a page that says nothing', page(200, ' '), 'a web page'],
  ['a page that is away', page(503, 'Down for maintenance'), 'a web page ("Down for maintenance")'],
  ['an API that is away', json(503, { error: { message: 'no upstream' } }), 'another server'],
  ['JSON with data', json(200, { data: [1, 2] }), 'another server'],
  ['an object called data', json(200, { object: 'list', data: { id: 'x' } }), 'another server'],
  ['data of something else', json(200, { data: [{ name: 'ann' }] }), 'another server'],
  ['no data', json(200, { data: [] }), 'another server'],
])('%s is named and left alone', async (_name, listener, what) => {
  expect(await identifyAt('openai', listener)).toEqual({ kind: 'other', what });
});

test.each([
  ['openai', page(401, 'Sign in'), 'a web page ("Sign in"), which wants a login or a key; '],
  ['openai', page(403, 'Forbidden'), 'a web page ("Forbidden"), which wants'],
  [
    'openai',
    json(401, { detail: 'Not authenticated' }, { server: 'uvicorn' }),
    'another server (uvicorn), which wants',
  ],
  [
    'openai',
    at({ '/version': json(200, { version: '1.0', commit: 'x' }) }, unauthorized),
    'another server, which wants',
  ],
  ['ollama', page(401, 'Sign in'), 'a web page ("Sign in"), which wants'],
  ['ollama', page(403, 'Forbidden'), 'a web page ("Forbidden"), which wants'],
  ['ollama', json(200, { version: 'main' }), 'another server'],
] as const)(
  '%s: a login is named and left alone, and what to do if it is an engine',
  async (dialect, listener, words) => {
    const answerer = await identifyAt(dialect, listener);
    expect(answerer).toEqual({ kind: 'other', what: expect.stringContaining(words) });
  },
);

test('nobody', async () => {
  const url = 'http://127.0.0.1:1';
  expect(await identify({ dialect: 'ollama', url }, systemClock, AbortSignal.timeout(5_000))).toEqual({
    kind: 'nobody',
  });
});
