import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { until } from '../src/cluster/process-cluster.ts';
import { countedText } from '../src/engines/answer-script.ts';
import { startOpenAiEngine } from '../src/engines/openai/start-openai-engine.ts';
import { EngineCluster } from './engine-cluster.ts';

const words = { name: 'words', answer: { kind: 'words', count: 12 } } as const;
const slow = { name: 'slow', answer: { kind: 'words', count: 40 }, decodeMsPerToken: 20 } as const;
const openaiWords = { name: 'other', answer: { kind: 'words', count: 12 } } as const;

let clients: EngineCluster;

beforeAll(async () => {
  clients = await EngineCluster.start({
    desk: { ollama: { models: [words, slow] } },
    rack: { openai: { models: [openaiWords], slots: 4 } },
  });
});
afterAll(() => clients?.[Symbol.asyncDispose]());
beforeEach(() => {
  for (const engine of clients.engines) engine.requests.clear();
});

interface Got {
  readonly outcome: string | null;
  readonly node: string | null;
  readonly attempts: string | null;
  readonly text: string;
}

let nonce = 0;

/** Generations the engine was asked for; loads are none. */
function chatsOf(node: string) {
  const { all } = clients.engine(node).requests;
  return all.filter(({ path, bodyText }) => /chat/.test(path) && bodyText.includes(`question ${nonce}`));
}

async function ask(
  path: string,
  body: Readonly<Record<string, unknown>>,
  options: { readonly headers?: Readonly<Record<string, string>>; readonly signal?: AbortSignal } = {},
): Promise<Got> {
  const response = await fetch(clients.url + path, { method: 'POST', body: JSON.stringify(body), ...options });
  const { headers } = response;
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return {
    outcome: headers.get('x-waggle-cache'),
    node: headers.get('x-waggle-node'),
    attempts: headers.get('x-waggle-attempts'),
    text,
  };
}

function toText(dialect: 'ollama' | 'openai', answer: string): string {
  const lines = answer.split('\n').map((line) => line.replace(/^data: /, ''));
  const parts = lines.filter((line) => line !== '' && line !== '[DONE]').map((line) => JSON.parse(line));
  return parts
    .map((part) => (dialect === 'ollama' ? part.message : (part.choices[0]?.delta ?? part.choices[0]?.message)))
    .map((message) => message?.content ?? '')
    .join('');
}

it.each([
  ['ollama', '/api/chat', 'words', 'desk'],
  ['ollama', '/api/chat', 'other', 'rack'],
  ['openai', '/v1/chat/completions', 'words', 'desk'],
  ['openai', '/v1/chat/completions', 'other', 'rack'],
] as const)('%s: %s with %s is answered once, as a stream and as a whole', async (dialect, path, model, node) => {
  const temperature = dialect === 'ollama' ? { options: { temperature: 0 } } : { temperature: 0 };
  const body = { model, messages: [{ role: 'user', content: `question ${++nonce}` }], ...temperature };
  const first = await ask(path, { ...body, stream: true });
  expect(first).toMatchObject({ outcome: 'miss', node, attempts: '1' });
  const stream = await ask(path, { ...body, stream: true });
  expect(stream).toMatchObject({ outcome: 'hit', node, attempts: '0' });
  expect(toText(dialect, stream.text)).toBe(countedText(12));
  expect(stream.text.split('\n').length).toBe(first.text.split('\n').length);
  const whole = await ask(path, { ...body, stream: false });
  expect(whole).toMatchObject({ outcome: 'hit', node });
  expect(toText(dialect, whole.text)).toBe(countedText(12));
  expect(chatsOf(node)).toHaveLength(1);
});

it.each([
  ['/api/generate', { model: 'words', options: { temperature: 0 } }, 'prompt'],
  ['/v1/completions', { model: 'words', temperature: 0 }, 'prompt'],
  ['/v1/messages', { model: 'words', temperature: 0, max_tokens: 99 }, 'messages'],
  ['/v1/responses', { model: 'other', temperature: 0 }, 'input'],
] as const)('%s is answered once, as a whole and as a stream', async (path, settings, key) => {
  const text = `question ${++nonce}`;
  const body = { ...settings, [key]: key === 'messages' ? [{ role: 'user', content: text }] : text };
  expect((await ask(path, { ...body, stream: false })).outcome).toBe('miss');
  const [stream, whole] = [await ask(path, { ...body, stream: true }), await ask(path, { ...body, stream: false })];
  expect([stream.outcome, whole.outcome]).toEqual(['hit', 'hit']);
  expect(stream.text.split('\n').length).toBeGreaterThan(2);
  for (const answer of [stream, whole]) expect(answer.text).toMatch(/w0[^]*w11/);
});

it('a whole that was kept as a stream says what it used', async () => {
  const body = { model: 'other', messages: [{ role: 'user', content: `question ${++nonce}` }], temperature: 0 };
  await ask('/v1/chat/completions', { ...body, stream: true });
  const whole = await ask('/v1/chat/completions', body);
  expect([whole.outcome, JSON.parse(whole.text)]).toEqual([
    'hit',
    expect.objectContaining({ usage: expect.objectContaining({ completion_tokens: 12 }) }),
  ]);
});

it('a client that says nothing of temperature is never given an old answer, unless it wants one', async () => {
  const body = { model: 'words', messages: [{ role: 'user', content: `question ${++nonce}` }], stream: false };
  expect((await ask('/api/chat', body)).outcome).toBeNull();
  expect((await ask('/api/chat', body, { headers: { 'x-waggle-cache': 'use' } })).outcome).toBe('miss');
  expect((await ask('/api/chat', body, { headers: { 'x-waggle-cache': 'use' } })).outcome).toBe('hit');
  const control = (value: string) => ({ headers: { 'x-waggle-cache': 'use', 'cache-control': value } });
  expect((await ask('/api/chat', body, control('no-store'))).outcome).toBeNull();
  expect((await ask('/api/chat', body, control('No-Cache, max-age=0'))).outcome).toBe('miss');
});

it('what is asked at the same time is asked of the engine once, and one who leaves harms nobody', async () => {
  const body = {
    model: 'slow',
    messages: [{ role: 'user', content: `question ${++nonce}` }],
    options: { temperature: 0 },
    stream: true,
  };
  const leaving = new AbortController();
  const left = ask('/api/chat', body, { signal: leaving.signal }).catch((thrown: Error) => thrown.name);
  await until(async () => chatsOf('desk').length === 1, 5_000);
  const others = [ask('/api/chat', body), ask('/api/chat', body)];
  await until(async () => (await stats()).coalesced >= 2, 5_000);
  leaving.abort();
  expect(await left).toBe('AbortError');
  for (const other of await Promise.all(others)) {
    expect(other).toMatchObject({ outcome: 'coalesced', node: 'desk' });
    expect(toText('ollama', other.text)).toBe(countedText(40));
  }
  expect(chatsOf('desk')).toHaveLength(1);
});

it('the engine stops when the last of them has left', async () => {
  const body = {
    model: 'slow',
    messages: [{ role: 'user', content: `question ${++nonce}` }],
    options: { temperature: 0 },
    stream: true,
  };
  const leaving = new AbortController();
  const both = [1, 2].map(() => ask('/api/chat', body, { signal: leaving.signal }).catch(() => {}));
  await until(async () => chatsOf('desk').length === 1, 5_000);
  leaving.abort();
  await Promise.all(both);
  await until(async () => chatsOf('desk')[0]?.outcome === 'client-gone', 5_000);
});

function stats(): Promise<{ readonly hits: number; readonly coalesced: number }> {
  return clients.cluster.get('/api/performance/cache/stats');
}

it('what an engine said that tells no digests is forgotten with its next start', async () => {
  const body = { model: 'other', messages: [{ role: 'user', content: `question ${++nonce}` }], temperature: 0 };
  const say = async () => toText('openai', (await ask('/v1/chat/completions', { ...body, stream: true })).text);
  expect(await say()).toBe(countedText(12));
  const engine = clients.engine('rack');
  await engine[Symbol.asyncDispose]();
  await until(async () => (await clients.cluster.node('rack'))?.engines[0]?.health === 'down');
  const answer = { kind: 'words', count: 3 } as const;
  await using _ = await startOpenAiEngine({ models: [{ ...openaiWords, answer }], slots: 4, port: engine.port });
  await until(async () => (await say().catch(() => '')) === countedText(3));
});
