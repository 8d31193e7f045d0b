import { NotFoundError } from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { askOnce, ClientLoad, type Outcome, tally, troubles } from '../src/cluster/client-load.ts';
import { until } from '../src/cluster/process-cluster.ts';
import { askWords, streamWords } from './asked-words.ts';
import { EngineCluster } from './engine-cluster.ts';
import { postChat } from './post-chat.ts';

const slots = 4;
const count = 20;
const models = [
  { name: 'words', answer: { kind: 'words', count }, decodeMsPerToken: 2 },
  { name: 'endless', answer: { kind: 'endless' }, decodeMsPerToken: 20 },
] as const;

let clients: EngineCluster;

beforeAll(async () => {
  clients = await EngineCluster.start({
    left: { openai: { models, slots }, slots },
    right: { openai: { models, slots }, slots },
    hasty: { openai: { models: [{ ...models[1], name: 'endless-here' }], slots }, env: { WAGGLE_DRAIN_TIMEOUT: '1' } },
  });
});
afterAll(() => clients?.[Symbol.asyncDispose]());
beforeEach(async () => {
  const left = clients.cluster.agent('left');
  if (!left.isRunning) left.start();
  await clients.cluster.serving('left');
  await clients.cluster.serving('right');
});

/** What the promises forbid: anything but an answer, and the one error where an answer had begun on the lost node. */
function forbidden(outcomes: readonly Outcome[]): string[] {
  return troubles(outcomes.filter(({ kind }) => kind !== 'error-event'));
}

const stateOf = async (name: string) => (await clients.cluster.node(name))?.state;
const isActive = async (name: string) => (await stateOf(name)) === 'active';

/** An answer without end that has begun; `more` resolves when more of it has come. */
async function beginEndless(model: string) {
  let heard = Promise.withResolvers<void>();
  const leaving = new AbortController();
  let hasEnded = false;
  const body = { model, messages: [{ role: 'user', content: 'count' }] };
  const outcome = askOnce(
    clients.url,
    { path: '/api/chat', dialect: 'ollama-stream', body },
    { onText: () => heard.resolve(), signal: leaving.signal },
  ).then((seen) => {
    hasEnded = true;
    heard.resolve();
    return seen;
  });
  const more = async () => {
    heard = Promise.withResolvers();
    await heard.promise;
  };
  await heard.promise;
  return { outcome, more, leave: () => leaving.abort(), hasEnded: () => hasEnded };
}

describe('an agent that is killed', () => {
  it('costs at most the streams it had begun, and is out of routing at once', async () => {
    const load = new ClientLoad(clients.url, 2 * slots, streamWords('words', count));
    await load.more(40);
    const before = load.outcomes.length;
    await clients.cluster.agent('left').kill('SIGKILL');
    await until(async () => !(await isActive('left')), 1_000);
    await load.more(60);
    const outcomes = await load.stop();
    expect(new Set(outcomes.slice(0, before).map(({ node }) => node))).toEqual(new Set(['left', 'right']));
    expect(forbidden(outcomes)).toEqual([]);
    expect(tally(outcomes)['error-event'] ?? 0).toBeLessThanOrEqual(slots);
    expect(outcomes.slice(-20).every(({ node }) => node === 'right')).toBe(true);
  });

  it('comes back as the node it was', async () => {
    const { nodeId } = (await clients.cluster.node('left')) ?? {};
    const left = clients.cluster.agent('left');
    await left.kill('SIGKILL');
    left.start();
    await clients.cluster.serving('left');
    expect((await clients.cluster.node('left'))?.nodeId).toBe(nodeId);
    expect((await clients.cluster.nodes()).filter(({ name }) => name === 'left')).toHaveLength(1);
    const again = await askOnce(clients.url, askWords('words@left', count)(0));
    expect(again).toMatchObject({ kind: 'complete', node: 'left' });
  });

  it('loses no whole answer: those are tried again elsewhere', async () => {
    const whole = (index: number) => askWords('words', count)(index % 2 === 0 ? 2 : 3);
    const load = new ClientLoad(clients.url, 2 * slots, whole);
    await load.more(30);
    const left = clients.cluster.agent('left');
    await left.kill('SIGKILL');
    await load.more(40);
    const outcomes = await load.stop();
    expect(troubles(outcomes)).toEqual([]);
  });
});

describe('an agent that freezes', () => {
  it('gets nothing new, loses what it had, and is back when it thaws', async () => {
    const left = clients.cluster.agent('left');
    const joinedAt = (await clients.cluster.node('left'))?.joinedAt;
    const stuck = [await beginEndless('endless@left'), await beginEndless('endless@left')];
    left.signal('SIGSTOP');
    const frozenAt = performance.now();
    try {
      // Promised: nothing new after 1.5 s, dead after 5 s, back within 10 s. The margins are for a busy machine.
      await until(async () => (await stateOf('left')) === 'suspect', 2_500);
      expect(stuck.map(({ hasEnded }) => hasEnded())).toEqual([false, false]);
      const load = new ClientLoad(clients.url, slots, askWords('words', count), 40);
      const outcomes = await load.finish();
      expect(troubles(outcomes)).toEqual([]);
      expect(new Set(outcomes.map(({ node }) => node))).toEqual(new Set(['right']));
      const ends = await Promise.all(stuck.map(({ outcome }) => outcome));
      expect(ends.map(({ kind }) => kind)).toEqual(['error-event', 'error-event']);
      for (const { endedAt } of ends) {
        expect(endedAt - frozenAt).toBeGreaterThan(3_000);
        expect(endedAt - frozenAt).toBeLessThan(7_000);
      }
    } finally {
      left.signal('SIGCONT');
    }
    await until(() => isActive('left'), 10_000);
    expect((await clients.cluster.node('left'))?.joinedAt).not.toBe(joinedAt);
    // What it still did for those it lost has ended too.
    const { requests } = clients.engine('left');
    await requests.until(() => requests.counters.active === 0);
    expect(await askOnce(clients.url, askWords('words@left', count)(0))).toMatchObject({ kind: 'complete' });
  });

  it('for a moment only is suspected, and keeps what it had', async () => {
    const left = clients.cluster.agent('left');
    const { joinedAt } = (await clients.cluster.node('left')) ?? {};
    const { more, leave, outcome } = await beginEndless('endless@left');
    left.signal('SIGSTOP');
    await until(async () => (await stateOf('left')) === 'suspect');
    left.signal('SIGCONT');
    await until(() => isActive('left'));
    expect((await clients.cluster.node('left'))?.joinedAt).toBe(joinedAt);
    await more();
    leave();
    expect((await outcome).kind).toBe('left');
  });

  it('for a moment only costs nobody anything', async () => {
    const left = clients.cluster.agent('left');
    const load = new ClientLoad(clients.url, 2 * slots, askWords('words', count));
    await load.more(20);
    left.signal('SIGSTOP');
    await load.more(20);
    left.signal('SIGCONT');
    await load.more(40);
    expect(troubles(await load.stop())).toEqual([]);
  });
});

describe('an agent that is told to end', () => {
  it('finishes what it has, takes nothing new, and leaves', async () => {
    const left = clients.cluster.agent('left');
    const load = new ClientLoad(clients.url, 2 * slots, askWords('words', count));
    await load.more(30);
    left.signal('SIGTERM');
    expect(await left.exited()).toBe(0);
    await load.more(30);
    const outcomes = await load.stop();
    expect(troubles(outcomes)).toEqual([]);
    expect(outcomes.slice(-20).every(({ node }) => node === 'right')).toBe(true);
  });

  it('ends at once when it is told again', async () => {
    const left = clients.cluster.agent('left');
    const asked = askOnce(clients.url, {
      path: '/v1/chat/completions',
      dialect: 'openai-stream',
      body: { model: 'endless@left', messages: [{ role: 'user', content: 'count' }], stream: true },
    });
    const { requests } = clients.engine('left');
    await requests.until(() => requests.counters.active === 1);
    left.signal('SIGTERM');
    await until(async () => (await clients.cluster.node('left'))?.state === 'draining');
    // The second signal counts when it is not the same Ctrl-C delivered twice.
    await until(async () => {
      if (left.isRunning) left.signal('SIGTERM');
      return !left.isRunning;
    });
    expect((await asked).kind).toBe('error-event');
    expect(await left.exited()).toBe(1);
  });

  it('cuts what takes longer than it may wait, and says why', async () => {
    const hasty = clients.cluster.agent('hasty');
    const { outcome, hasEnded } = await beginEndless('endless-here');
    hasty.signal('SIGTERM');
    await until(async () => (await stateOf('hasty')) === 'draining');
    expect(hasEnded()).toBe(false);
    expect(await outcome).toMatchObject({ kind: 'error-event', detail: expect.stringContaining('told to end') });
    expect(await hasty.exited()).toBe(0);
    const { requests } = clients.engine('hasty');
    await requests.until(() => requests.counters.active === 0);
  });
});

/** Here, since a model that nobody has is waited for in the first seconds of an orchestrator. */
describe('a model that nobody has', () => {
  it('is 404 for both clients, and in the story of the request', async () => {
    const messages = [{ role: 'user' as const, content: 'count' }];
    await expect(clients.ollama.chat({ model: 'absent', messages })).rejects.toMatchObject({
      status_code: 404,
      message: "model 'absent' not found",
    });
    await expect(clients.openai.chat.completions.create({ model: 'absent', messages })).rejects.toThrow(NotFoundError);
    const { status, headers } = await postChat(clients.url, { model: 'absent' });
    expect(status).toBe(404);
    expect(await clients.cluster.get(`/api/requests/${headers['x-request-id']}`)).toMatchObject({
      state: 'failed',
      error: { code: 'model-not-found' },
    });
    await expect(clients.cluster.get('/api/requests/nobody')).rejects.toThrow('404');
  });

  it('is so too where it is on another node than the one that is named', async () => {
    const answer = await postChat(clients.url, { model: 'words@nowhere' });
    expect(answer.status).toBe(404);
    expect(answer.json()).toMatchObject({ error: "model 'words@nowhere' not found" });
  });
});
