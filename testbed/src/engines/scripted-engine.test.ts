import { afterEach, expect, test, vi } from 'vitest';
import { countedText } from './answer-script.ts';
import { startOllamaEngine } from './ollama/start-ollama-engine.ts';
import { startOpenAiEngine } from './openai/start-openai-engine.ts';
import { askRaw } from './recordings.ts';
import type { ScriptedEngine } from './scripted-engine.ts';

afterEach(() => {
  vi.useRealTimers();
});

const ask = (engine: ScriptedEngine, path: string, body: object) =>
  askRaw(engine.url, 'POST', path, JSON.stringify(body));
const messages = [{ role: 'user', content: 'hi' }];

test.each([
  { kind: 'models without times', facts: {}, timeScale: 1 },
  { kind: 'a time scale of 0', facts: { loadMs: 1e6, prefillTokensPerS: 0.001, decodeMsPerToken: 1e6 }, timeScale: 0 },
])('$kind need no timer', async ({ facts, timeScale }) => {
  const models = [{ name: 'm', ...facts, unloadMs: 0 }];
  await using ollama = await startOllamaEngine({ models, timeScale });
  await using openai = await startOpenAiEngine({ models, timeScale });
  // From here on a timer never fires: whoever sets one and waits for it hangs.
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'setImmediate'] });
  for (const stream of [true, false]) {
    expect((await ask(ollama, '/api/chat', { model: 'm', messages, stream })).body).toContain('"done":true');
    expect((await ask(openai, '/v1/chat/completions', { model: 'm', messages, stream })).body).toContain('"stop"');
  }
  expect(vi.getTimerCount()).toBe(0);
});

test('times of a model pass', async () => {
  const models = [{ name: 'm', loadMs: 20, prefillTokensPerS: 1000, decodeMsPerToken: 2 }];
  await using engine = await startOllamaEngine({ models });
  const body = { model: 'm', messages: [{ role: 'user', content: 'x'.repeat(80) }], stream: false };
  const timesOf = async () => JSON.parse((await ask(engine, '/api/chat', body)).body) as Record<string, number>;
  const first = await timesOf();
  // Timers may be a millisecond early; nothing is said about how late they are.
  expect(first.load_duration).toBeGreaterThan(19e6);
  expect(first.prompt_eval_duration).toBeGreaterThan(19e6);
  expect(first.eval_duration).toBeGreaterThan(31e6);
  await timesOf();
  expect(engine.control.state.models['m:latest']?.loads).toBe(1);
});

async function leave(engine: ScriptedEngine, content: string, when: () => Promise<unknown>): Promise<void> {
  const controller = new AbortController();
  const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] });
  const answer = fetch(`${engine.url}/api/chat`, { method: 'POST', body, signal: controller.signal });
  const left = answer.then((response) => response.text()).catch(() => 'left');
  await when();
  controller.abort();
  expect(await left).toBe('left');
  await engine.waitFor(({ clientGoneAt }) => clientGoneAt !== undefined);
}

test('an engine stops when its client leaves', async () => {
  const models = [{ name: 'm', decodeMsPerToken: 1, answer: { kind: 'endless' } as const }];
  await using engine = await startOllamaEngine({ models });
  await leave(engine, 'hi', () => engine.waitFor(({ tokensSent }) => tokensSent > 0));
  await engine.waitFor(({ outcome }) => outcome === 'client-gone');
  expect(engine.core.running('m')).toBe(0);
});

test('an engine can be told to generate on for nobody', async () => {
  const models = [{ name: 'm', decodeMsPerToken: 10, answer: { kind: 'words', count: 20 } as const }];
  await using engine = await startOllamaEngine({ models, leaving: 'never' });
  await leave(engine, 'hi', () => engine.waitFor(({ tokensSent }) => tokensSent === 1));
  expect(engine.core.running('m')).toBe(1);
  const record = await engine.waitFor(({ outcome }) => outcome === 'client-gone');
  expect((record.endedAt ?? 0) - (record.firstByteAt ?? 0)).toBeGreaterThan(180);
  expect(engine.core.running('m')).toBe(0);
});

test('an old engine computes the prompt of a client that left to its end', async () => {
  const models = [{ name: 'm', prefillTokensPerS: 1000 }];
  await using engine = await startOllamaEngine({ models, leaving: 'after-prefill' });
  await leave(engine, 'x'.repeat(800), () => engine.requests.until(() => engine.core.running('m') === 1));
  const record = await engine.waitFor(({ outcome }) => outcome === 'client-gone');
  expect((record.endedAt ?? 0) - record.startedAt).toBeGreaterThan(195);
  expect(record.tokensSent).toBe(0);
  expect(engine.core.running('m')).toBe(0);
});

test('a client that reads slowly holds an unpaced answer back', async () => {
  const models = [{ name: 'm', answer: { kind: 'endless' } as const }];
  await using engine = await startOllamaEngine({ models });
  const controller = new AbortController();
  const { signal } = controller;
  const request = { method: 'POST', body: JSON.stringify({ model: 'm', messages }), signal };
  const response = await fetch(`${engine.url}/api/chat`, request);
  const reader = response.body?.getReader();
  await reader?.read();
  // The health check is answered, so the loop that writes is not running all the time.
  let before = -1;
  let sent = engine.requests.all[0]?.tokensSent ?? 0;
  while (sent !== before) {
    before = sent;
    await askRaw(engine.url, 'GET', '/api/version');
    sent = engine.requests.all[0]?.tokensSent ?? 0;
  }
  expect(engine.requests.all[0]?.outcome).toBeUndefined();
  controller.abort();
  await engine.waitFor(({ outcome }) => outcome === 'client-gone');
});

test('many deltas in one write are the same answer', async () => {
  const models = [{ name: 'm', answer: { kind: 'words', count: 100 } as const }];
  await using engine = await startOpenAiEngine({ models, deltasPerWrite: 32 });
  const { body } = await ask(engine, '/v1/chat/completions', { model: 'm', messages, stream: true });
  const words = [...body.matchAll(/"delta":\{"content":"([^"]*)"\}/g)].map(([, word]) => word).join('');
  expect(words).toBe(countedText(100));
});

test('waiting for what never comes ends with the engine', async () => {
  const engine = await startOllamaEngine({ models: [] });
  const waiting = [engine.waitFor(() => false), engine.requests.nextRequest(), engine.requests.until(() => false)];
  const outcomes = Promise.allSettled(waiting);
  await engine[Symbol.asyncDispose]();
  for (const outcome of await outcomes) expect(outcome.status).toBe('rejected');
});

test('a record has the request as it came and counts stay when records go', async () => {
  await using engine = await startOllamaEngine({ models: [{ name: 'm' }], recordLimit: 2 });
  for (let index = 0; index < 9; index++) await ask(engine, '/api/chat', { model: 'm', messages, seed: index });
  await askRaw(engine.url, 'GET', '/api/tags');
  expect(engine.requests.all.length).toBeLessThanOrEqual(4);
  expect(engine.requests.all.at(-1)).toMatchObject({
    id: 9,
    method: 'POST',
    path: '/api/chat',
    model: 'm',
    body: { model: 'm', seed: 8 },
    status: 200,
    outcome: 'done',
    tokensSent: 16,
  });
  expect(engine.requests.counters).toEqual({ started: 9, active: 0, done: 9, clientGone: 0, fault: 0, probes: 1 });
});
