import { describe, expect, it } from 'vitest';
import type { InferenceRequest } from '../../inference/inference.ts';
import { type SendOptions, send } from '../test-client.ts';
import { startTestServer, text, typed } from '../test-server.ts';
import { KnownBodies } from './known-bodies.ts';

const body = JSON.stringify({
  model: 'tiny',
  messages: [{ role: 'user', content: 'grüß dich' }],
  max_tokens: 9,
  temperature: 0,
  options: { temperature: 0 },
});

/** The requests that come of sending the body to each of the paths, one after the other. */
async function sendAll(paths: readonly (readonly [path: string, options?: SendOptions])[]) {
  await using server = await startTestServer({
    script: async function* ({ answer }) {
      yield answer === 'native' ? text('{"done":true}\n', true) : typed({ type: 'response-end', finishReason: 'stop' });
    },
  });
  for (const [path, sendOptions] of paths) {
    expect(await send(server.port, path, { body, ...sendOptions })).toMatchObject({ status: 200 });
  }
  return server.inference.runs.map(({ request }): InferenceRequest => request);
}

describe('the same bytes again', () => {
  it('are the same request, with an identity of its own', async () => {
    const [first, second] = await sendAll([
      ['/api/chat', { headers: { 'x-request-id': 'one' } }],
      ['/api/chat', { headers: { 'x-request-id': 'two', 'x-waggle-priority': 'low', 'user-agent': 'other' } }],
    ]);
    expect(first?.cacheWish).toMatchObject({ read: true });
    expect(second).toMatchObject({ requestId: 'two', priority: 'low', client: { userAgent: 'other' } });
    expect(second?.facts).toBe(first?.facts);
    expect(second?.cacheWish).toEqual(first?.cacheWish);
    expect(Buffer.from(second?.body ?? []).toString()).toBe(body);
  });

  it('say something else on another path', async () => {
    const requests = await sendAll([['/api/chat'], ['/v1/chat/completions'], ['/api/chat/stream'], ['/v1/messages']]);
    expect(requests.map(({ facts, answer }) => [facts.endpoint, facts.stream, answer])).toEqual([
      ['ollama.chat', true, 'native'],
      ['openai.chat', false, 'native'],
      ['ollama.chat', true, 'native'],
      ['openai.chat', false, 'events'],
    ]);
    expect(new Set(requests.map(({ cacheWish }) => cacheWish?.requestHash)).size).toBe(3);
  });

  it('want what the headers say', async () => {
    const noStore = { headers: { 'cache-control': 'no-store' } };
    const noCache = { headers: { 'cache-control': 'no-cache' } };
    const path = '/api/chat';
    const requests = await sendAll([[path], [path, noStore], [path, noCache], [path]]);
    expect(requests.map(({ cacheWish }) => cacheWish?.read)).toEqual([true, undefined, false, true]);
  });

  it('are not remembered for what only a header allows', async () => {
    const plain = JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'hi' }] });
    const use = { 'x-waggle-cache': 'use' };
    const requests = await sendAll([
      ['/api/chat', { body: plain, headers: use }],
      ['/api/chat', { body: plain }],
    ]);
    expect(requests.map(({ cacheWish }) => cacheWish?.read)).toEqual([true, undefined]);
  });
});

describe('KnownBodies', () => {
  const facts = { model: 'tiny' } as never;
  const understood = { facts, encoding: 'float', cacheWish: { requestHash: 'h', read: true } } as const;

  it('is bounded', () => {
    const known = new KnownBodies();
    const bodies = Array.from({ length: 200 }, (_, index) => Buffer.alloc(60_000, `${index} `));
    for (const each of bodies) known.keep('ollama.chat', each, understood);
    const [first = Buffer.of(), ...others] = bodies;
    expect(known.find('ollama.chat', first)).toBeUndefined();
    expect(others.filter((each) => known.find('ollama.chat', each) !== undefined).length).toBeGreaterThan(100);
    const long = Buffer.alloc(70_000, 'a');
    known.keep('ollama.chat', long, understood);
    expect(known.find('ollama.chat', long)).toBeUndefined();
  });

  it('tells bytes apart that are the same characters', () => {
    const known = new KnownBodies();
    known.keep('ollama.chat', Buffer.from('ü'), understood);
    expect(known.find('ollama.chat', Buffer.from('ü', 'latin1'))).toBeUndefined();
    expect(known.find('ollama.chat', Buffer.from('ü'))).toBe(understood);
  });
});
