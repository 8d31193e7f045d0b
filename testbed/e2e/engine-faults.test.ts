import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { askOnce, ClientLoad, type Outcome, tally, troubles } from '../src/cluster/client-load.ts';
import { until } from '../src/cluster/process-cluster.ts';
import type { Fault } from '../src/engines/faults.ts';
import { askWords, streamWords } from './asked-words.ts';
import { EngineCluster } from './engine-cluster.ts';
import { postChat } from './post-chat.ts';

const early = [
  { name: 'status-500', fault: { kind: 'status', status: 500 }, requests: 60 },
  { name: 'status-503', fault: { kind: 'status', status: 503, body: '{}' }, requests: 60 },
  { name: 'status-429', fault: { kind: 'status', status: 429 }, requests: 60 },
  { name: 'status-429-for-a-second', fault: { kind: 'status', status: 429, retryAfter: 1 }, requests: 60 },
  { name: 'cut', fault: { kind: 'cut', afterDeltas: 0 }, requests: 60 },
  { name: 'reset', fault: { kind: 'cut', afterDeltas: 0, reset: true }, requests: 60 },
  { name: 'malformed', fault: { kind: 'malformed', atDelta: 1 }, requests: 60 },
  { name: 'empty', fault: { kind: 'silent-end', afterDeltas: 0 }, requests: 60 },
  { name: 'error-at-once', fault: { kind: 'error-event', afterDeltas: 0 }, requests: 60 },
  { name: 'hang', fault: { kind: 'hang' }, requests: 60 },
] as const satisfies readonly { name: string; fault: Fault; requests: number }[];

const late = [
  { name: 'late-cut', fault: { kind: 'cut', afterDeltas: 5 } },
  { name: 'late-malformed', fault: { kind: 'malformed', atDelta: 6 } },
  { name: 'late-silent-end', fault: { kind: 'silent-end', afterDeltas: 5 } },
  { name: 'late-error', fault: { kind: 'error-event', afterDeltas: 5, message: 'out of memory' } },
] as const satisfies readonly { name: string; fault: Fault }[];

const others = ['killed', 'killed-late', 'all-500', 'all-400', 'status-401'] as const;

const slots = 4;
const count = 20;

/** A model for each test: what one teaches of a model is not to reach the next. */
const models = [...early, ...late, ...others.map((name) => ({ name }))].map(({ name }) => ({
  name,
  answer: { kind: 'words', count } as const,
  decodeMsPerToken: 1,
}));

let clients: EngineCluster;

/** Two families serve the same models, so a failure is retried across them. More clients than one of them has slots. */
beforeAll(async () => {
  clients = await EngineCluster.start({
    sick: { ollama: { models, slots, maxLoadedModels: models.length }, slots },
    well: { openai: { models, slots }, slots },
  });
});
afterAll(() => clients?.[Symbol.asyncDispose]());
beforeEach(async () => {
  for (const engine of clients.engines) {
    await engine.control.heal();
    engine.requests.clear();
  }
  await clients.cluster.serving('sick');
});

/** Loads the model where it is not resident from the start. */
async function makeResident(model: string): Promise<void> {
  const { status } = await postChat(clients.url, { model: `${model}@sick`, messages: [] });
  expect(status).toBe(200);
}

/** Lets both answer, so that it is known how long an answer takes. */
async function measure(model: string): Promise<void> {
  for (const node of ['sick', 'well']) {
    const outcomes = await new ClientLoad(clients.url, slots, askWords(`${model}@${node}`, count), 24).finish();
    expect(tally(outcomes)).toEqual({ complete: 24 });
  }
}

function sickRequests(model: string): number {
  return clients.engine('sick').requests.all.filter((record) => record.model.replace(':latest', '') === model).length;
}

describe('before the first event nobody notices', () => {
  it.each(early)('$name', async ({ name, fault, requests }) => {
    await makeResident(name);
    if (fault.kind === 'hang') await measure(name);
    clients.engine('sick').requests.clear();
    clients.engine('sick').control.inject(fault);
    const outcomes = await new ClientLoad(clients.url, 2 * slots, askWords(name, count), requests).finish();
    expect(troubles(outcomes)).toEqual([]);
    expect(tally(outcomes)).toEqual({ complete: requests });
    expect(outcomes.every(({ node }) => node === 'well')).toBe(true);
    // It was tried, and then left alone.
    expect(sickRequests(name)).toBeGreaterThan(0);
    expect(sickRequests(name)).toBeLessThan(requests / 2);
  });

  it('an engine that is killed under load, and used again when it is back', async () => {
    await makeResident('killed');
    const sick = clients.engine('sick');
    const load = new ClientLoad(clients.url, 2 * slots, askWords('killed', count));
    await load.more(30);
    await sick.control.refuse('finish');
    await load.more(100);
    await until(
      async () => (await clients.cluster.node('sick'))?.engines.every(({ health }) => health !== 'up') === true,
    );
    const { started } = sick.requests.counters;
    await sick.control.heal();
    await sick.requests.until(() => sick.requests.counters.started > started);
    await load.more(30);
    expect(troubles(await load.stop())).toEqual([]);
  });
});

describe('after the first event there is one error, in the dialect', () => {
  const faultsEach = slots;
  const total = 64;

  it.each(late)('$name', async ({ name, fault }) => {
    await makeResident(name);
    // What comes together with what is wrong is one event with it, and would be tried elsewhere: the client has it first.
    const begun = Array.from({ length: total }, () => Promise.withResolvers<void>());
    const held = async (body: string) => begun[Number(/"request (\d+)"/.exec(body)?.[1])]?.promise;
    // Waggle's own trials of a model are not to use the faults up.
    for (const engine of clients.engines) {
      engine.control.inject({ ...fault, held }, { times: faultsEach, text: '"request ' });
    }
    const outcomes = await askTogether(total, (index) => {
      const asked = streamWords(name, count, `request ${index}`)(index);
      return askOnce(clients.url, asked, { onText: () => begun[index]?.resolve() });
    });
    expect(strange(outcomes)).toEqual([]);
    expect(tally(outcomes)).toEqual({ complete: total - 2 * faultsEach, 'error-event': 2 * faultsEach });
    // None was tried again.
    const answers = clients.engines.flatMap(({ requests }) => requests.all);
    expect(answers.filter(({ bodyText }) => bodyText.includes('"request '))).toHaveLength(total);
    const errors = outcomes.filter(({ kind }) => kind === 'error-event').map(({ detail }) => detail);
    expect(errors.every((detail) => detail.length > 5)).toBe(true);
    if (fault.kind === 'error-event') expect(new Set(errors)).toEqual(new Set(['out of memory']));
  });

  it('an engine that is killed while it answers', async () => {
    await makeResident('killed-late');
    const load = new ClientLoad(clients.url, 2 * slots, streamWords('killed-late', count));
    await load.more(30);
    await clients.engine('sick').control.refuse('drop');
    await load.more(60);
    const outcomes = await load.stop();
    expect(strange(outcomes)).toEqual([]);
    expect(tally(outcomes)['error-event'] ?? 0).toBeLessThanOrEqual(slots);
  });
});

/** As many at once as both engines have slots. */
async function askTogether(total: number, ask: (index: number) => Promise<Outcome>): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  let next = 0;
  const client = async () => {
    while (next < total) outcomes.push(await ask(next++));
  };
  await Promise.all(Array.from({ length: 2 * slots }, client));
  return outcomes;
}

/** Everything but an answer and the one error that may follow its beginning. */
function strange(outcomes: readonly Outcome[]): string[] {
  return troubles(outcomes.filter(({ kind }) => kind !== 'error-event'));
}

describe('where no other can help', () => {
  it('the client hears the engine', async () => {
    await makeResident('all-500');
    for (const engine of clients.engines) engine.control.inject({ kind: 'status', status: 500 });
    const answer = await postChat(clients.url, { model: 'all-500' });
    expect([500, 502]).toContain(answer.status);
    expect(answer.json()).toEqual({ error: expect.stringMatching(/.+/) });
    expect(answer.headers['x-waggle-attempts']).toBe('2');
  });

  it('a request that is wrong is not tried again', async () => {
    await makeResident('all-400');
    for (const engine of clients.engines) {
      engine.control.inject({ kind: 'status', status: 400, body: '{"error":"no such thing"}' });
    }
    const answer = await postChat(clients.url, { model: 'all-400' });
    expect(answer.status).toBe(400);
    expect(answer.headers['x-waggle-attempts']).toBe('1');
    expect(answer.json()).toEqual({ error: 'no such thing' });
  });
});

/** Last, since it puts the whole engine to rest. */
it('an engine that refuses our credentials is left alone, and said to', async () => {
  await makeResident('status-401');
  clients.engine('sick').control.inject({ kind: 'status', status: 401 });
  const outcomes = await new ClientLoad(clients.url, 2 * slots, askWords('status-401', count), 100).finish();
  expect(troubles(outcomes)).toEqual([]);
  expect(outcomes.every(({ node }) => node === 'well')).toBe(true);
});
