import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../src/cluster/process-cluster.ts';
import { countedText } from '../src/engines/answer-script.ts';
import { EngineCluster } from './engine-cluster.ts';
import { openChat, postChat } from './post-chat.ts';

interface RequestStory {
  readonly state: string;
  readonly model: string;
  readonly priority: string;
  readonly node?: string;
  readonly client: { readonly address: string; readonly userAgent: string };
  readonly attempts: readonly {
    readonly node: string;
    readonly model: string;
    readonly outcome?: string;
    readonly decision: {
      readonly reason: string;
      readonly chosen: number;
      readonly candidates: readonly { readonly node: string; readonly terms?: Record<string, number> }[];
    };
  }[];
  readonly firstEventMs?: number;
  readonly endedMs?: number;
  readonly usage?: { readonly promptTokens: number; readonly completionTokens: number };
}

const words = { name: 'words', answer: { kind: 'words', count: 12 } } as const;
const held = { name: 'held', answer: { kind: 'endless' }, decodeMsPerToken: 20 } as const;

let clients: EngineCluster;

beforeAll(async () => {
  clients = await EngineCluster.start(
    {
      desk: { ollama: { models: [words, held] } },
      rack: { ollama: { models: [words] } },
    },
    { config: 'server: { queueSize: 2 }\nmodels: { fast: [nowhere, words], busy: held }\n' },
  );
});
afterAll(() => clients?.[Symbol.asyncDispose]());
beforeEach(() => {
  for (const engine of clients.engines) engine.requests.clear();
});

const story = (id: string) => clients.cluster.get<RequestStory>(`/api/requests/${id}`);

async function heldJobs(): Promise<number> {
  return (await clients.cluster.get<{ queue: { heldJobs: number } }>('/api/cluster/status')).queue.heldJobs;
}

describe('what an answer and its record say', () => {
  it('names the request, the node and the attempts', async () => {
    const answer = await postChat(
      clients.url,
      { model: 'words' },
      { 'x-request-id': 'mine-1', 'user-agent': 'tester/1' },
    );
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      server: 'waggle',
      'x-request-id': 'mine-1',
      'x-waggle-attempts': '1',
      'x-waggle-node': expect.stringMatching(/^(desk|rack)$/),
    });
    const fresh = await postChat(clients.url, { model: 'words' });
    expect(fresh.headers['x-request-id']).toMatch(/^[\w.-]{4,64}$/);
  });

  it('keeps the story: the decision with all candidates, attempts, times, usage, client', async () => {
    const { headers } = await postChat(clients.url, { model: 'words' }, { 'user-agent': 'tester/1' });
    const record = await story(headers['x-request-id'] ?? '');
    expect(record).toMatchObject({
      state: 'done',
      model: 'words',
      priority: 'normal',
      node: headers['x-waggle-node'],
      client: { address: expect.stringContaining('127.0.0.1'), userAgent: 'tester/1' },
      usage: { completionTokens: 12 },
    });
    expect(record.endedMs).toBeGreaterThanOrEqual(record.firstEventMs ?? Number.NaN);
    const [attempt] = record.attempts;
    expect(attempt).toMatchObject({ node: headers['x-waggle-node'], model: 'words:latest', outcome: 'done' });
    const { candidates = [], chosen = -1 } = attempt?.decision ?? {};
    expect(candidates.map(({ node }) => node).toSorted()).toEqual(['desk', 'rack']);
    expect(candidates[chosen]?.node).toBe(headers['x-waggle-node']);
    for (const { terms } of candidates) {
      const { total = Number.NaN, ...parts } = terms ?? {};
      expect(Object.keys(parts).toSorted()).toEqual(['decode', 'load', 'prefill', 'risk', 'rtt', 'wait']);
      expect(Object.values(parts).reduce((sum, part) => sum + part, 0)).toBeCloseTo(total, 3);
    }
    const { requests } = await clients.cluster.get<{ requests: { requestId: string }[] }>('/api/requests?limit=5');
    expect(requests.map(({ requestId }) => requestId)).toContain(headers['x-request-id']);
  });
});

describe('names of models', () => {
  it('takes an alias for the first of its models that is there', async () => {
    const answer = await postChat(clients.url, { model: 'fast' });
    expect(answer.json()).toMatchObject({ model: 'fast', message: { content: countedText(12) } });
    expect((await story(answer.headers['x-request-id'] ?? '')).attempts[0]?.model).toBe('words:latest');
  });

  it.each(['desk', 'rack'])('takes model@%s to that node', async (node) => {
    const answer = await postChat(clients.url, { model: `words@${node}` });
    expect(answer.headers['x-waggle-node']).toBe(node);
    expect(answer.json()).toMatchObject({ model: `words@${node}` });
  });

  it('takes words:latest and another case for words', async () => {
    for (const model of ['words:latest', 'WORDS']) {
      expect((await postChat(clients.url, { model })).json()).toMatchObject({ model, done: true });
    }
  });
});

describe('waiting', () => {
  it('holds by priority, refuses more than queueSize with Retry-After, and goes on', async () => {
    await using running = await openChat(clients.url, { model: 'held' });
    const ask = (priority: string, content: string) =>
      postChat(
        clients.url,
        { model: 'held', messages: [{ role: 'user', content }], options: { num_predict: 2 } },
        { 'x-waggle-priority': priority },
      );
    const low = ask('low', 'low');
    await until(async () => (await heldJobs()) === 1);
    const high = ask('high', 'high');
    await until(async () => (await heldJobs()) === 2);

    const refused = await ask('normal', 'one too many');
    expect(refused.status).toBe(503);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(refused.json()).toEqual({ error: expect.any(String) });
    const openai = await fetch(`${clients.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'held', messages: [{ role: 'user', content: 'another' }] }),
    });
    expect(openai.status).toBe(503);
    expect(openai.headers.get('retry-after')).not.toBeNull();
    expect(await openai.json()).toMatchObject({ error: { type: expect.any(String), message: expect.any(String) } });

    running.leave();
    expect((await high).json()).toMatchObject({ message: { content: 'w0 w1' } });
    expect((await low).json()).toMatchObject({ message: { content: 'w0 w1' } });
    const asked = clients
      .engine('desk')
      .requests.all.map(({ bodyText }) => /"content":"(low|high)"/.exec(bodyText)?.[1]);
    expect(asked.filter((content) => content !== undefined)).toEqual(['high', 'low']);
  });

  it('gives up at the deadline, held and running', async () => {
    await using running = await openChat(clients.url, { model: 'held' });
    const waited = await postChat(clients.url, { model: 'held' }, { 'x-waggle-deadline-ms': '150' });
    expect(waited.status).toBe(504);
    expect(await heldJobs()).toBe(0);
    running.leave();
    await clients.engine('desk').requests.until(() => clients.engine('desk').requests.counters.active === 0);

    const slow = await postChat(clients.url, { model: 'held', stream: false }, { 'x-waggle-deadline-ms': '300' });
    expect(slow.status).toBe(504);
    await clients.engine('desk').requests.until(() => clients.engine('desk').requests.counters.active === 0);
  });

  it.each([
    ['x-waggle-priority', 'urgent'],
    ['x-waggle-deadline-ms', 'soon'],
    ['x-waggle-deadline-ms', '0'],
  ])('refuses %s: %s', async (name, value) => {
    const answer = await postChat(clients.url, { model: 'words' }, { [name]: value });
    expect(answer.status).toBe(400);
    expect(answer.json()).toEqual({ error: expect.stringContaining(name) });
  });
});

it('counts in the metrics of the cluster what was asked', async () => {
  const metrics = await clients.cluster.get<{
    totals: { requests: number; completionTokens: number };
    rates: { node: string; model: string; samples: number }[];
  }>('/api/cluster/metrics');
  expect(metrics.totals.requests).toBeGreaterThan(10);
  expect(metrics.totals.completionTokens).toBeGreaterThanOrEqual(100);
  expect(metrics.rates.filter(({ samples }) => samples > 0).map(({ node }) => node)).toEqual(
    expect.arrayContaining(['desk', 'rack']),
  );
});
