import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askOnce } from '../src/cluster/client-load.ts';
import { askWords } from './asked-words.ts';
import { EngineCluster } from './engine-cluster.ts';
import { sendRaw } from './raw-request.ts';

let clients: EngineCluster;
let pid: number;

beforeAll(async () => {
  clients = await EngineCluster.start(
    { desk: { ollama: { models: [{ name: 'words', answer: { kind: 'words', count: 4 } }] } } },
    { config: 'limits: { maxBodyBytes: 1MiB }\nserver: { headersTimeout: 1s, readTimeout: 1s }\n' },
  );
  ({ pid } = clients.cluster.orchestrator);
});
/** Whatever was sent: the same process still serves. */
afterAll(async () => {
  expect(await askOnce(clients.url, askWords('words', 4)(0))).toMatchObject({ kind: 'complete' });
  expect(clients.cluster.orchestrator.pid).toBe(pid);
  expect(clients.engine('desk').requests.all.filter(({ bodyText }) => bodyText.includes('smuggled'))).toEqual([]);
  await clients[Symbol.asyncDispose]();
});

const chat = '{"model":"words","messages":[{"role":"user","content":"count"}],"stream":false}';

/** A request with headers of the test's own; `Host` is right unless they say otherwise. */
function post(path: string, body: string | Buffer, headers: Readonly<Record<string, string>> = {}): Buffer {
  const bytes = Buffer.from(body);
  const all = { Host: new URL(clients.url).host, 'Content-Length': String(bytes.length), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`), bytes]);
}

const isOllamaError = (body: string) => typeof (JSON.parse(body) as { error?: unknown }).error === 'string';
const isOpenAiError = (body: string) =>
  typeof (JSON.parse(body) as { error?: { message?: unknown; type?: unknown } }).error?.message === 'string';

describe.each([
  { path: '/api/chat', isError: isOllamaError },
  { path: '/api/generate', isError: isOllamaError },
  { path: '/api/embed', isError: isOllamaError },
  { path: '/api/show', isError: isOllamaError },
  { path: '/v1/chat/completions', isError: isOpenAiError },
  { path: '/v1/embeddings', isError: isOpenAiError },
])('bodies for $path', ({ path, isError }) => {
  it.each([
    ['empty', ''],
    ['broken', '{"model":"words",'],
    ['a word', 'nonsense'],
    ['an array', '[1,2]'],
    ['a number', '7'],
    ['null', 'null'],
    ['a model that is none', '{"model":{"a":1},"input":"x","prompt":"x","messages":[]}'],
    ['deeply nested', `{"model":"words","messages":${'['.repeat(50_000)}${']'.repeat(50_000)}}`],
    ['nested without an end', '['.repeat(100_000)],
    ['bad UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
    ['a byte order mark and rubbish', '\uFEFF{'],
  ])('%s', async (_, body) => {
    const answer = await sendRaw(clients.url, post(path, body));
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(isError(answer.body)).toBe(true);
    expect(answer.head).toMatch(/\r\nserver: waggle/i);
  });

  it('too large', async () => {
    const answer = await sendRaw(clients.url, post(path, `{"model":"${'x'.repeat(1_100_000)}"}`));
    expect(answer.status).toBe(413);
    expect(isError(answer.body)).toBe(true);
  });

  it('too large by its own word, before a byte of it', async () => {
    const answer = await sendRaw(clients.url, post(path, '', { 'Content-Length': '5000000' }));
    expect(answer.status).toBe(413);
  });
});

describe('who asks', () => {
  const get = (headers: string) => `GET /api/tags HTTP/1.1\r\n${headers}\r\n`;

  it.each([
    'evil.example',
    'evil.example:3001',
    'localhost.evil.example',
    'localhost, evil.example',
    'user@localhost',
    '',
  ])('a Host of %j is refused', async (host) => {
    expect((await sendRaw(clients.url, get(`Host: ${host}\r\n`))).status).toBe(403);
  });

  it('no Host, two Hosts, and a whole URL for a target are refused', async () => {
    expect((await sendRaw(clients.url, get(''))).status).toBe(400);
    const { host } = new URL(clients.url);
    expect((await sendRaw(clients.url, get(`Host: ${host}\r\nHost: evil.example\r\n`))).status).toBe(400);
    const target = `GET http://evil.example/api/tags HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    expect((await sendRaw(clients.url, target)).status).toBe(400);
  });

  it.each(['localhost', 'LOCALHOST:1', '127.0.0.1', '[::1]:3001', 'printer.local', 'host.docker.internal'])(
    'a Host of %j is let in',
    async (host) => {
      expect((await sendRaw(clients.url, get(`Host: ${host}\r\nConnection: close\r\n`))).status).toBe(200);
    },
  );

  it('a foreign page may not generate, delete or pull, nor learn that it could', async () => {
    for (const [path, body] of [
      ['/api/chat', chat],
      ['/v1/chat/completions', chat],
      ['/api/pull', '{"model":"x"}'],
    ] as const) {
      const answer = await sendRaw(clients.url, post(path, body, { Origin: 'https://evil.example' }));
      expect([path, answer.status]).toEqual([path, 403]);
      expect(answer.head).not.toMatch(/access-control-allow-origin/i);
    }
    const { host } = new URL(clients.url);
    const preflight = `OPTIONS /api/chat HTTP/1.1\r\nHost: ${host}\r\nOrigin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n\r\n`;
    expect((await sendRaw(clients.url, preflight)).head).not.toMatch(/access-control-allow-origin/i);
  });

  it('a local page may', async () => {
    const answer = await sendRaw(clients.url, post('/api/chat', chat, { Origin: 'http://localhost:5173' }));
    expect(answer.status).toBe(200);
    expect(answer.head).toMatch(/access-control-allow-origin: (\*|http:\/\/localhost:5173)/i);
  });

  it('somebody behind a proxy may not change models without the token', async () => {
    const answer = await sendRaw(clients.url, post('/api/pull', '{"model":"x"}', { 'X-Forwarded-For': '203.0.113.9' }));
    expect(answer.status).toBe(403);
    expect(answer.body).toContain('admin token');
  });
});

describe('where one request ends', () => {
  const smuggled = 'POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n{"model":"smuggled"}';

  it.each([
    [
      'Content-Length and Transfer-Encoding',
      'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n',
      `0\r\n\r\n${smuggled}`,
    ],
    ['two lengths', 'Content-Length: 5\r\nContent-Length: 6\r\n', `hello!${smuggled}`],
    ['a length that is none', 'Content-Length: five\r\n', smuggled],
    ['a negative length', 'Content-Length: -1\r\n', smuggled],
    ['an encoding that is none', 'Transfer-Encoding: chunked, identity\r\n', `0\r\n\r\n${smuggled}`],
    ['a chunk without a size', 'Transfer-Encoding: chunked\r\n', `zz\r\n${smuggled}`],
    ['a folded header', 'X-A: b\r\n c\r\nContent-Length : 5\r\n', smuggled],
    ['a bare carriage return', 'X-A: b\rContent-Length: 5\r\n', smuggled],
  ])('%s', async (_, headers, body) => {
    const answer = await sendRaw(clients.url, `POST /api/chat HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n${body}`);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(answer.closed || /connection: close/i.test(answer.head)).toBe(true);
  });

  it('a head that does not end is cut', async () => {
    const endless = `GET / HTTP/1.1\r\nHost: localhost\r\n${'X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n'.repeat(2_000)}`;
    expect((await sendRaw(clients.url, endless)).status).toBe(431);
  });

  it('a head that comes too slowly is cut', async () => {
    expect([0, 408]).toContain((await sendRaw(clients.url, 'GET / HTTP/1.1\r\nHost: localhost\r\n')).status);
  });

  it('a body that does not come is cut', async () => {
    const answer = await sendRaw(clients.url, post('/api/chat', '{"model"', { 'Content-Length': '100' }));
    expect(answer.status).toBe(408);
    expect(isOllamaError(answer.body)).toBe(true);
  });
});

describe('paths and methods', () => {
  it.each([
    ['GET', '/nowhere', 404],
    ['POST', '/', 405],
    ['GET', '/api/chat', 405],
    ['PATCH', '/api/chat', 405],
    ['GET', '/api/../etc/passwd', 307],
    ['GET', '/%2e%2e/%2e%2e/etc/passwd', 404],
    ['GET', '/v1/nowhere', 404],
    ['GET', '/v1/chat/completions', 405],
    ['POST', '/v1/responses', 400],
    ['POST', '/v1/files', 501],
    ['POST', '/api/create', 400],
    ['GET', '/api/requests/..%2f..%2fsecret', 404],
    ['GET', `/${'a'.repeat(8_000)}`, 404],
  ])('%s %s', async (method, path, status) => {
    const answer = await sendRaw(
      clients.url,
      `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`,
    );
    expect(answer.status).toBe(status);
    if (path.startsWith('/v1/')) expect(isOpenAiError(answer.body)).toBe(true);
  });
});

it('says nothing of its insides', async () => {
  const answers = await Promise.all(
    [chat.slice(0, 20), '{"model":"absent","messages":[]}', '[]'].map((body) =>
      sendRaw(clients.url, post('/api/chat', body)),
    ),
  );
  for (const { head, body } of answers)
    expect(`${head}${body}`).not.toMatch(/node_modules|\.ts:\d|at Object|x-powered-by/i);
});
