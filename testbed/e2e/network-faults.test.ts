// The way between an agent and its orchestrator, when it is not what two processes of one machine have.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { askOnce, ClientLoad, tally, troubles } from '../src/cluster/client-load.ts';
import { freePort } from '../src/cluster/free-port.ts';
import { ProcessCluster, until } from '../src/cluster/process-cluster.ts';
import { WaggleProcess } from '../src/cluster/waggle-process.ts';
import { startOllamaEngine } from '../src/engines/ollama/start-ollama-engine.ts';
import type { ScriptedEngine } from '../src/engines/scripted-engine.ts';
import { FaultProxy } from '../src/proxy/fault-proxy.ts';
import { askWords, streamWords } from './asked-words.ts';

const slots = 4;
const count = 20;
const models = [
  { name: 'words', answer: { kind: 'words', count }, decodeMsPerToken: 2 },
  { name: 'endless', answer: { kind: 'endless' }, decodeMsPerToken: 20 },
] as const;

const opened = new AsyncDisposableStack();
let cluster: ProcessCluster;
/** Between the orchestrator and the node `far`. */
let network: FaultProxy;
let farEngine: ScriptedEngine;

beforeAll(async () => {
  const nearEngine = opened.use(await startOllamaEngine({ models, slots }));
  farEngine = opened.use(await startOllamaEngine({ models, slots }));
  cluster = opened.use(
    await ProcessCluster.start({ agents: [{ name: 'near', engineUrl: nearEngine.url, slots }], nodes: 1 }),
  );
  network = opened.use(await FaultProxy.start({ target: { port: Number(cluster.grpcAddress.split(':')[1]) } }));
  const folder = await mkdtemp(path.join(tmpdir(), 'waggle-far-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const args = ['--orchestrator', `127.0.0.1:${network.port}`, '--name', 'far', '--data', folder];
  const far = opened.use(
    new WaggleProcess({
      main: 'node-agent/src/main.ts',
      args: [...args, '--port', String(await freePort())],
      env: { LLAMA_BASE_URL: farEngine.url, QUEUE_CONCURRENCY: String(slots), OLLAMA_NUM_PARALLEL: String(slots) },
    }),
  );
  far.start();
});
afterAll(() => opened.disposeAsync());
beforeEach(() => cluster.serving('far'));
afterEach(() => network.clear());

const stateOf = async (name: string) => (await cluster.node(name))?.state;

describe('a network that loses everything', () => {
  it.each([
    // Promised: nothing new after 1.5 s, dead after 5 s, back within 10 s. The margins are for a busy machine.
    ['both', 2_500],
    ['up', 2_500],
    // Its signs of life go on coming; that it hears nothing shows when it answers no ping of the transport.
    ['down', 8_000],
  ] as const)(
    '(%s): nothing new is sent there, what ran has one error, and the node is back',
    async (direction, noticedMs) => {
      const begun = Promise.withResolvers<void>();
      const body = { model: 'endless@far', messages: [{ role: 'user', content: 'count' }] };
      const asked = { path: '/api/chat', dialect: 'ollama-stream', body } as const;
      const stuck = askOnce(cluster.url, asked, { onText: () => begun.resolve() });
      await begun.promise;
      const lostAt = performance.now();
      network.set({ blackHole: true }, direction);
      await until(async () => (await stateOf('far')) !== 'active', noticedMs);
      const load = new ClientLoad(cluster.url, slots, askWords('words', count), 40);
      const outcomes = await load.finish();
      expect(troubles(outcomes)).toEqual([]);
      expect(new Set(outcomes.map(({ node }) => node))).toEqual(new Set(['near']));
      const { kind, endedAt } = await stuck;
      expect(kind).toBe('error-event');
      expect(endedAt - lostAt).toBeLessThan(9_000);
      network.clear();
      await until(async () => (await stateOf('far')) === 'active', 10_000);
      expect(await askOnce(cluster.url, askWords('words@far', count)(0))).toMatchObject({ kind: 'complete' });
      await farEngine.requests.until(() => farEngine.requests.counters.active === 0);
    },
  );

  it('for a moment only costs nobody anything', async () => {
    const { joinedAt } = (await cluster.node('far')) ?? {};
    const load = new ClientLoad(cluster.url, 2 * slots, askWords('words', count));
    await load.more(20);
    network.set({ blackHole: true });
    await until(async () => (await stateOf('far')) === 'suspect');
    network.clear();
    await load.more(40);
    expect(troubles(await load.stop())).toEqual([]);
    expect((await cluster.node('far'))?.joinedAt).toBe(joinedAt);
  });
});

it('a network that is slow, uneven and cuts everything into small pieces loses no word', async () => {
  network.set({ latencyMs: 20, jitterMs: 20, sliceBytes: 61, bytesPerS: 200_000 });
  const load = new ClientLoad(cluster.url, slots, askWords('words@far', count), 24);
  const outcomes = await load.finish();
  expect(tally(outcomes)).toEqual({ complete: 24 });
});

it('connections that are reset cost the streams that had begun, no whole answer, and the node is back at once', async () => {
  const streams = new ClientLoad(cluster.url, slots, streamWords('words', count));
  const wholes = new ClientLoad(cluster.url, slots, (index) => askWords('words', count)(index % 2 === 0 ? 2 : 3));
  for (let resets = 0; resets < 3; resets += 1) {
    await streams.more(20);
    network.reset();
    await cluster.serving('far');
  }
  const [streamed, whole] = [await streams.stop(), await wholes.stop()];
  expect(troubles(whole)).toEqual([]);
  expect(troubles(streamed.filter(({ kind }) => kind !== 'error-event'))).toEqual([]);
  expect(tally(streamed)['error-event'] ?? 0).toBeLessThanOrEqual(3 * slots);
});
