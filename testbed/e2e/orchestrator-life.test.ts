import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askOnce, ClientLoad, tally, troubles } from '../src/cluster/client-load.ts';
import { until } from '../src/cluster/process-cluster.ts';
import { askWords, streamWords } from './asked-words.ts';
import { EngineCluster } from './engine-cluster.ts';

const slots = 4;
const models = [
  { name: 'words', answer: { kind: 'words', count: 20 }, decodeMsPerToken: 2 },
  { name: 'long', answer: { kind: 'words', count: 200 }, decodeMsPerToken: 20 },
  { name: 'endless', answer: { kind: 'endless' }, decodeMsPerToken: 20 },
] as const;

let clients: EngineCluster;

beforeAll(async () => {
  clients = await EngineCluster.start({
    left: { ollama: { models, slots }, slots },
    right: { openai: { models, slots }, slots },
  });
});
afterAll(() => clients?.[Symbol.asyncDispose]());

describe('an orchestrator that is killed and started again', () => {
  it('costs the agents only the reconnect, and no client is told a lie', async () => {
    const { cluster } = clients;
    const pids = ['left', 'right'].map((name) => cluster.agent(name).pid);
    const ids = (await cluster.nodes()).map(({ nodeId }) => nodeId).toSorted();
    const load = new ClientLoad(clients.url, 2 * slots, askWords('words', 20));
    await load.more(40);
    await cluster.orchestrator.kill('SIGKILL');
    await load.more(10);
    cluster.orchestrator.start();
    // The very first request that reaches it is answered: it is held until the agents are there.
    await until(async () => (await askOnce(clients.url, askWords('words', 20)(0))).kind === 'complete');
    const outcomes = await load.stop();
    expect(outcomes.filter(({ kind }) => !['complete', 'lost', 'cut'].includes(kind))).toEqual([]);
    expect(tally(outcomes)['cut'] ?? 0).toBeLessThanOrEqual(2 * slots);

    await cluster.ready(2);
    expect(['left', 'right'].map((name) => cluster.agent(name).pid)).toEqual(pids);
    expect((await cluster.nodes()).map(({ nodeId }) => nodeId).toSorted()).toEqual(ids);
    const after = await new ClientLoad(clients.url, 2 * slots, askWords('words', 20), 60).finish();
    expect(troubles(after)).toEqual([]);
    // Nobody works any more for those who were cut off.
    for (const { requests } of clients.engines) await requests.until(() => requests.counters.active === 0);
  });
});

describe('an orchestrator that is frozen and thaws', () => {
  it('has its agents back, who noticed, and answers what was asked meanwhile', async () => {
    const { cluster } = clients;
    const { orchestrator } = cluster;
    const lost = ['left', 'right'].map((name) => cluster.agent(name).output.split('Lost the orchestrator').length);
    const load = new ClientLoad(clients.url, 2 * slots, askWords('words', 20));
    await load.more(40);
    orchestrator.signal('SIGSTOP');
    // Nobody works for it any more once its agents have noticed.
    await until(async () =>
      ['left', 'right'].every((name, index) => {
        return cluster.agent(name).output.split('Lost the orchestrator').length > (lost[index] ?? 0);
      }),
    );
    for (const { requests } of clients.engines) await requests.until(() => requests.counters.active === 0);
    const asked = Array.from({ length: slots }, (_, index) => askOnce(clients.url, askWords('words', 20)(index)));
    orchestrator.signal('SIGCONT');
    await cluster.ready(2);
    // What came while it stood still was only held; of what ran then, and had begun to come, clients are told that it was lost.
    expect(troubles(await Promise.all(asked))).toEqual([]);
    const outcomes = await load.stop();
    const broken = outcomes.filter(({ kind }) => kind !== 'complete');
    expect(broken.filter(({ kind }) => kind !== 'error-event' && kind !== 'refused')).toEqual([]);
    expect(broken.length).toBeLessThanOrEqual(2 * slots);
    const after = await new ClientLoad(clients.url, 2 * slots, askWords('words', 20), 60).finish();
    expect(troubles(after)).toEqual([]);
  });
});

describe('an orchestrator that is told to end', () => {
  it('finishes what runs, refuses what comes, and exits in order', async () => {
    const { orchestrator } = clients.cluster;
    const load = new ClientLoad(clients.url, slots, streamWords('long', 200), slots);
    await until(async () => {
      const { queue } = await clients.cluster.get<{ queue: { runningJobs: number } }>('/api/cluster/status');
      return queue.runningJobs === slots;
    });
    orchestrator.signal('SIGTERM');
    await until(async () => (await fetch(`${clients.url}/health/ready`)).status === 503);
    const refused = await fetch(`${clients.url}/api/chat`, {
      method: 'POST',
      body: JSON.stringify({ model: 'words', messages: [{ role: 'user', content: 'count' }] }),
    });
    expect(refused.status).toBe(503);
    expect(refused.headers.get('connection')).toBe('close');
    expect(refused.headers.get('retry-after')).not.toBeNull();
    expect(await refused.json()).toEqual({ error: expect.any(String) });

    const outcomes = await load.finish();
    expect(troubles(outcomes)).toEqual([]);
    expect(tally(outcomes)).toEqual({ complete: slots });
    expect(await orchestrator.exited()).toBe(0);

    orchestrator.start();
    await clients.cluster.ready(2);
    expect(await askOnce(clients.url, askWords('words', 20)(1))).toMatchObject({ kind: 'complete' });
  });

  it('ends at once when it is told again', async () => {
    const { orchestrator } = clients.cluster;
    const messages = [{ role: 'user', content: 'count' }];
    const asked = askOnce(clients.url, {
      path: '/api/chat',
      dialect: 'ollama-stream',
      body: { model: 'endless', messages },
    });
    await until(async () => {
      const { queue } = await clients.cluster.get<{ queue: { runningJobs: number } }>('/api/cluster/status');
      return queue.runningJobs === 1;
    });
    orchestrator.signal('SIGTERM');
    await until(async () => {
      if (orchestrator.isRunning) orchestrator.signal('SIGTERM');
      return !orchestrator.isRunning;
    });
    expect(await orchestrator.exited()).toBe(1);
    expect(['cut', 'error-event']).toContain((await asked).kind);
  });
});
