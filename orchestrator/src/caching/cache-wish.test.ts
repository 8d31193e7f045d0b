import type { EndpointName } from '@waggle/shared/chat/endpoints.ts';
import { expect, test } from 'vitest';
import { type CacheControl, toCacheWish } from './cache-wish.ts';

const silent: CacheControl = { noStore: false, noCache: false, use: false };

function wish(
  endpoint: EndpointName,
  parsed: unknown,
  { seeded = false, bytes = 100, ...control }: Partial<CacheControl> & { seeded?: boolean; bytes?: number } = {},
) {
  return toCacheWish({ endpoint, answer: 'native', parsed, bytes }, { ...silent, ...control }, { seeded });
}

function hashOf(endpoint: EndpointName, parsed: unknown): string | undefined {
  return wish(endpoint, parsed, { use: true })?.requestHash;
}

test('only a request that writes temperature 0 out, and has no tools, asks by itself', () => {
  const ollama = { model: 'm', options: { temperature: 0 } };
  expect(wish('ollama.chat', ollama)).toMatchObject({ read: true });
  expect(wish('openai.chat', { model: 'm', temperature: 0 })).toMatchObject({ read: true });
  expect(wish('openai.chat', { model: 'm', temperature: 0, tools: [] })).toBeDefined();
  for (const parsed of [
    { model: 'm' },
    { model: 'm', temperature: 0.1 },
    { model: 'm', temperature: 0, tools: [{}] },
    { model: 'm', temperature: 0, functions: [{}] },
  ]) {
    expect(wish('openai.chat', parsed)).toBeUndefined();
  }
  // Each family has its own place for it.
  expect(wish('ollama.chat', { model: 'm', temperature: 0 })).toBeUndefined();
  expect(wish('ollama.embed', { ...ollama, input: 'x' })).toBeUndefined();
});

test('several answers to one request are not kept: as events they would be one', () => {
  for (const several of [{ n: 2 }, { prompt: ['a', 'b'] }, { prompt: [[1], [2]] }])
    expect(wish('openai.completions', { model: 'm', temperature: 0, ...several }, { use: true })).toBeUndefined();
  for (const single of [{ n: 1 }, { prompt: ['a'] }, { prompt: [1, 2] }])
    expect(wish('openai.completions', { model: 'm', temperature: 0, ...single })).toBeDefined();
});

test('a seed counts where that was decided', () => {
  const parsed = { model: 'm', seed: 7 };
  expect(wish('openai.chat', parsed)).toBeUndefined();
  expect(wish('openai.chat', parsed, { seeded: true })).toBeDefined();
  expect(wish('openai.chat', { ...parsed, tools: [{}] }, { seeded: true })).toBeUndefined();
});

test('the client decides for its request', () => {
  const parsed = { model: 'm', temperature: 0 };
  expect(wish('openai.chat', parsed, { noStore: true, use: true })).toBeUndefined();
  expect(wish('openai.chat', parsed, { noCache: true })).toMatchObject({ read: false });
  expect(wish('openai.embeddings', { model: 'm', input: 'x' }, { use: true })).toMatchObject({ read: true });
});

test('a body that takes long to be hashed is left alone', () => {
  expect(wish('openai.chat', { model: 'm' }, { use: true, bytes: 1_048_576 })).toBeDefined();
  expect(wish('openai.chat', { model: 'm' }, { use: true, bytes: 1_048_577 })).toBeUndefined();
});

test('what does not change the words does not change the hash', () => {
  const one = { model: 'm', messages: [{ role: 'user', content: 'a' }], options: { seed: 1, temperature: 0 } };
  const other = {
    keep_alive: '5m',
    user: 'somebody',
    metadata: { a: 'b' },
    safety_identifier: 'x',
    options: { temperature: 0, seed: 1 },
    stream: false,
    messages: [{ role: 'user', content: 'a' }],
    model: 'm',
  };
  expect(hashOf('ollama.chat', one)).toBe(hashOf('ollama.chat', other));
});

test.each([
  ['the endpoint', 'ollama.generate', { model: 'm', prompt: 'a' }],
  ['the model', 'ollama.chat', { model: 'n', prompt: 'a' }],
  ['a nested option', 'ollama.chat', { model: 'm', prompt: 'a', options: { logit_bias: { 1: 2 } } }],
  ['another nested option', 'ollama.chat', { model: 'm', prompt: 'a', options: { logit_bias: { 1: 3 } } }],
  ['the order within a schema', 'ollama.chat', { model: 'm', prompt: 'a', format: { a: 1, b: 2 } }],
  ['the other order', 'ollama.chat', { model: 'm', prompt: 'a', format: { b: 2, a: 1 } }],
  ['a key more', 'ollama.chat', { model: 'm', prompt: 'a', think: true }],
] as const)('%s changes the hash', (_what, endpoint, parsed) => {
  const others = [
    hashOf('ollama.chat', { model: 'm', prompt: 'a' }),
    hashOf('ollama.chat', { model: 'm', prompt: 'a', options: { logit_bias: { 1: 4 } } }),
    hashOf('ollama.chat', { model: 'm', prompt: 'a', format: { c: 1 } }),
  ];
  expect(others).not.toContain(hashOf(endpoint, parsed));
});

test('two orders of a schema are two requests', () => {
  const [one, other] = [
    { a: 1, b: 2 },
    { b: 2, a: 1 },
  ].map((format) => hashOf('ollama.chat', { model: 'm', format }));
  expect(one).not.toBe(other);
});

test('what a stream says at its end is a part of the engine’s own bytes, and of no events', () => {
  const parsed = { model: 'm', temperature: 0 };
  const streamed = { ...parsed, stream: true, stream_options: { include_usage: true } };
  const same = (answer: 'native' | 'events') => {
    const [one, other] = [parsed, streamed].map((each) =>
      toCacheWish({ endpoint: 'openai.chat', answer, parsed: each, bytes: 100 }, silent, { seeded: false }),
    );
    return one?.requestHash === other?.requestHash;
  };
  expect([same('native'), same('events')]).toEqual([false, true]);
});

test('what is said in events is another answer', () => {
  const parsed = { model: 'm', temperature: 0 };
  const [native, events] = (['native', 'events'] as const).map((answer) =>
    toCacheWish({ endpoint: 'openai.chat', answer, parsed, bytes: 100 }, silent, { seeded: false }),
  );
  expect(native?.requestHash).not.toBe(events?.requestHash);
});
