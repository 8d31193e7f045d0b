import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { askOnce, ClientLoad, type LoadRequest, tally, troubles } from '../src/cluster/client-load.ts';
import { until } from '../src/cluster/process-cluster.ts';
import type { ScriptedModel } from '../src/engines/scripted-model.ts';
import { askWords } from './asked-words.ts';
import { EngineCluster } from './engine-cluster.ts';
import { openChat, postChat, sendChat } from './post-chat.ts';

function models(prefix: string): ScriptedModel[] {
  return [
    { name: `${prefix}-words`, answer: { kind: 'words', count: 12 } },
    { name: `${prefix}-endless`, answer: { kind: 'endless' }, decodeMsPerToken: 10 },
    // Nothing is answered for a long time: the prompt is still being read.
    { name: `${prefix}-pensive`, answer: { kind: 'words', count: 2 }, prefillTokensPerS: 0.001 },
  ];
}

let clients: EngineCluster;

beforeAll(async () => {
  clients = await EngineCluster.start({
    desk: { ollama: { models: models('ollama'), slots: 16 }, slots: 16 },
    rack: { openai: { models: models('vllm'), slots: 16 }, slots: 16 },
    single: { ollama: { models: models('single'), slots: 1, maxLoadedModels: 3 }, slots: 1 },
  });
  // Loads would be requests to the engine too.
  for (const prefix of ['ollama', 'single']) {
    for (const { name } of models(prefix)) await postChat(clients.url, { model: name, messages: [] });
  }
});
afterAll(() => clients?.[Symbol.asyncDispose]());
beforeEach(() => {
  for (const engine of clients.engines) engine.requests.clear();
});

const messages = [{ role: 'user', content: 'count' }];

async function heldAndRunning(): Promise<number> {
  const { queue } = await clients.cluster.get<{ queue: { heldJobs: number; runningJobs: number } }>(
    '/api/cluster/status',
  );
  return queue.heldJobs + queue.runningJobs;
}

describe.each([
  { node: 'desk', prefix: 'ollama' },
  { node: 'rack', prefix: 'vllm' },
])('at $node', ({ node, prefix }) => {
  const forms = [
    { name: 'ollama, streamed', path: '/api/chat', stream: true },
    { name: 'ollama, whole', path: '/api/chat', stream: false },
    { name: 'openai, streamed', path: '/v1/chat/completions', stream: true },
    { name: 'openai, whole', path: '/v1/chat/completions', stream: false },
  ];
  const dialectOf = (path: string, stream: boolean): LoadRequest['dialect'] =>
    path === '/api/chat' ? (stream ? 'ollama-stream' : 'ollama-whole') : stream ? 'openai-stream' : 'openai-whole';

  it.each(forms)('a client that leaves before the first byte stops the engine: $name', async ({ path, stream }) => {
    const leaving = new AbortController();
    const body = { model: `${prefix}-pensive`, messages, stream };
    const { requests } = clients.engine(node);
    const begun = requests.nextRequest();
    const asked = askOnce(clients.url, { path, dialect: dialectOf(path, stream), body }, { signal: leaving.signal });
    const record = await begun;
    expect(record.tokensSent).toBe(0);
    leaving.abort();
    expect((await asked).kind).toBe('left');
    await requests.waitFor((seen) => seen.id === record.id && seen.clientGoneAt !== undefined);
  });

  it.each(forms)('a client that leaves in the middle stops the engine: $name', async ({ path, stream }) => {
    const leaving = new AbortController();
    const body = { model: `${prefix}-endless`, messages, stream };
    const { requests } = clients.engine(node);
    const begun = requests.nextRequest();
    const asked = askOnce(clients.url, { path, dialect: dialectOf(path, stream), body }, { signal: leaving.signal });
    const { id } = await begun;
    // A whole answer comes from an engine that streams or not, as Waggle likes.
    if (stream) await requests.waitFor((seen) => seen.id === id && seen.tokensSent > 3);
    leaving.abort();
    expect((await asked).kind).toBe('left');
    await requests.waitFor((seen) => seen.id === id && seen.clientGoneAt !== undefined);
  });

  it('sixteen that leave at once harm nobody after them', async () => {
    const { requests } = clients.engine(node);
    const chats = await Promise.all(
      Array.from({ length: 16 }, () => openChat(clients.url, { model: `${prefix}-endless` })),
    );
    for (const chat of chats) chat.leave();
    const load = new ClientLoad(clients.url, 16, askWords(`${prefix}-words`, 12), 64);
    const outcomes = await load.finish();
    expect(troubles(outcomes)).toEqual([]);
    expect(tally(outcomes)).toEqual({ complete: 64 });
    expect(outcomes.every(({ attempts }) => attempts === 1)).toBe(true);
    await requests.until(() => requests.counters.active === 0);
    expect(
      requests.all.filter(({ model, clientGoneAt }) => model.includes('endless') && clientGoneAt === undefined),
    ).toEqual([]);
    const row = await clients.cluster.node(node);
    expect(row?.state).toBe('active');
  });
});

it('a client that leaves while it is held is forgotten, and its engine never asked', async () => {
  const { requests } = clients.engine('single');
  await using running = await openChat(clients.url, { model: 'single-endless' });
  await using held = sendChat(clients.url, { model: 'single-endless' });
  await using heldWhole = sendChat(clients.url, { model: 'single-endless', stream: false });
  await until(async () => (await heldAndRunning()) === 3);
  held.leave();
  heldWhole.leave();
  await until(async () => (await heldAndRunning()) === 1);
  running.leave();
  await until(async () => (await heldAndRunning()) === 0);
  expect(requests.all).toHaveLength(1);
  // The one slot is free for whoever comes.
  const next = await askOnce(clients.url, askWords('single-words', 12)(0));
  expect(next).toMatchObject({ kind: 'complete', detail: '' });
});

it('a hundred that come and go leave no slot behind', async () => {
  const { requests } = clients.engine('desk');
  const chats = Array.from({ length: 100 }, (_, index) =>
    sendChat(clients.url, { model: 'ollama-endless', stream: index % 2 === 0 }),
  );
  for (const [index, chat] of chats.entries()) {
    if (index % 5 === 0) await Promise.race([chat.answered, new Promise((resolve) => setImmediate(resolve))]);
    chat.leave();
  }
  await until(async () => (await heldAndRunning()) === 0);
  await requests.until(() => requests.counters.active === 0);
  await until(async () => {
    const lanes = (await clients.cluster.node('desk'))?.engines[0]?.lanes;
    return lanes?.bound === 0 && lanes.draining === 0 && lanes.idle >= 8;
  });
  const outcomes = await new ClientLoad(clients.url, 16, askWords('ollama-words', 12), 32).finish();
  expect(tally(outcomes)).toEqual({ complete: 32 });
});
