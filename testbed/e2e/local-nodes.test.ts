import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askOnce, ClientLoad, tally, troubles } from '../src/cluster/client-load.ts';
import { freePort } from '../src/cluster/free-port.ts';
import { ProcessCluster, until } from '../src/cluster/process-cluster.ts';
import { startOllamaEngine } from '../src/engines/ollama/start-ollama-engine.ts';
import { startOpenAiEngine } from '../src/engines/openai/start-openai-engine.ts';
import type { ScriptedEngine } from '../src/engines/scripted-engine.ts';
import { askWords } from './asked-words.ts';
import { openChat, postChat } from './post-chat.ts';

/** Slow enough that eight clients need every engine: to wait for a faster one would take longer. */
const words = { name: 'words', answer: { kind: 'words', count: 12 }, decodeMsPerToken: 5 } as const;
const endless = { name: 'endless', answer: { kind: 'endless' }, decodeMsPerToken: 5 } as const;

describe('one process: its own engine and those of its configuration', () => {
  let own: ScriptedEngine;
  let desk: ScriptedEngine;
  let big: ScriptedEngine;
  let cluster: ProcessCluster;

  beforeAll(async () => {
    own = await startOllamaEngine({ models: [words, endless] });
    desk = await startOllamaEngine({ models: [words] });
    big = await startOpenAiEngine({ models: [words], slots: 8 });
    cluster = await ProcessCluster.start({
      agents: [],
      local: true,
      nodes: 3,
      orchestratorEnv: { LLAMA_BASE_URL: `${own.url}/api`, BIG_KEY: 'secret-of-big' },
      config: `
nodes:
  - { name: desk, engine: ollama, url: "${desk.url}", slots: 1 }
  - { name: big, engine: openai-compatible, url: "${big.url}/v1", apiKeyEnv: BIG_KEY, slots: 8 }
`,
    });
  });
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    for (const engine of [own, desk, big]) await engine?.[Symbol.asyncDispose]();
  });

  it('says at start where it is and what it found', () => {
    const { output } = cluster.orchestrator;
    expect(output).toContain(cluster.url);
    for (const { url } of [own, desk, big]) expect(output).toContain(url);
    expect(output).toContain('words');
    expect(output).not.toContain('secret-of-big');
  });

  it('answers by each of them', async () => {
    const names = (await cluster.nodes()).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['desk', 'big']));
    for (const name of names) {
      const answer = await postChat(cluster.url, { model: `words@${name}` });
      expect([name, answer.status, answer.headers['x-waggle-node']]).toEqual([name, 200, name]);
    }
    const asked = big.requests.all.at(-1);
    expect(asked?.headers.authorization).toBe('Bearer secret-of-big');
    const { url } = cluster;
    for (const path of ['/api/nodes', '/api/cluster/status', '/api/requests']) {
      expect(await (await fetch(`${url}${path}`)).text()).not.toContain('secret-of-big');
    }
  });

  it('stops the engine when a client leaves', async () => {
    await using chat = await openChat(cluster.url, { model: 'endless' });
    chat.leave();
    await own.waitFor((record) => record.clientGoneAt !== undefined);
  });

  it('goes on without one that dies, and uses it again', async () => {
    const load = new ClientLoad(cluster.url, 8, askWords('words', 12));
    await load.more(40);
    await big.control.refuse('finish');
    await load.more(60);
    const { started } = big.requests.counters;
    await big.control.heal();
    await big.requests.until(() => big.requests.counters.started > started);
    expect(troubles(await load.stop())).toEqual([]);
  });

  it('finishes what runs when it is told to end', async () => {
    const load = new ClientLoad(cluster.url, 4, askWords('words', 12));
    await load.more(10);
    cluster.orchestrator.signal('SIGTERM');
    expect(await cluster.orchestrator.exited()).toBe(0);
    const outcomes = await load.stop();
    // Whoever comes while it drains is refused, whoever comes later finds nobody.
    const { complete = 0, refused = 0, lost = 0 } = tally(outcomes);
    expect(complete + refused + lost).toBe(outcomes.length);
    expect(complete).toBeGreaterThanOrEqual(10);
  });
});

describe('engines that come and go', () => {
  it('are found when they start and left when they stop', async () => {
    const port = await freePort();
    await using cluster = await ProcessCluster.start({
      agents: [],
      local: true,
      nodes: 0,
      orchestratorEnv: { LLAMA_BASE_URL: `http://127.0.0.1:${port}`, OLLAMA_NUM_PARALLEL: '2' },
    });
    await until(async () => cluster.orchestrator.output.includes('is down'));
    expect((await fetch(`${cluster.url}/health`)).status).toBe(200);
    expect((await fetch(`${cluster.url}/health/ready`)).status).toBe(503);
    await using engine = await startOllamaEngine({ models: [words], port });
    await until(async () => (await fetch(`${cluster.url}/health/ready`)).status === 200, 10_000);
    expect((await cluster.nodes()).flatMap(({ engines }) => engines.map(({ slots }) => slots))).toEqual([6]);
    expect(await askOnce(cluster.url, askWords('words', 12)(0))).toMatchObject({ kind: 'complete' });
    await engine.control.refuse('drop');
    await until(async () => (await fetch(`${cluster.url}/health/ready`)).status === 503, 5_000);
  });
});

describe('Waggle in front of Waggle', () => {
  it('is refused in words by an agent, and never asked anything', async () => {
    await using engine = await startOllamaEngine({ models: [words] });
    await using inner = await ProcessCluster.start({ agents: [{ name: 'desk', engineUrl: engine.url }] });
    await using outer = await ProcessCluster.start({
      agents: [{ name: 'loop', engineUrl: inner.url }],
      nodes: 0,
    });
    await until(async () => outer.agent('loop').output.includes('Waggle itself'));
    await until(async () => (await outer.node('loop')) !== undefined);
    const row = await outer.node('loop');
    expect(row?.engines.filter(({ health }) => health === 'up')).toEqual([]);
    expect((await outer.get<{ models: unknown[] }>('/api/tags')).models).toEqual([]);
    expect(engine.requests.all.filter((record) => record.path !== '/api/show')).toEqual([]);
  });

  it('refuses a request that went through it before', async () => {
    await using engine = await startOllamaEngine({ models: [words] });
    await using cluster = await ProcessCluster.start({ agents: [{ name: 'desk', engineUrl: engine.url }] });
    const { clusterId } = await cluster.get<{ clusterId: string }>('/api/cluster/status');
    const looped = await postChat(cluster.url, { model: 'words' }, { 'x-waggle-hops': `other, ${clusterId}` });
    expect(looped.status).toBe(508);
    expect(looped.json()).toEqual({ error: expect.stringMatching(/\S+ \S+/) });
    expect((await postChat(cluster.url, { model: 'words' }, { 'x-waggle-hops': 'other' })).status).toBe(200);
  });
});
