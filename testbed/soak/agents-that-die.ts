import { askWords } from '../e2e/asked-words.ts';
import { EngineCluster } from '../e2e/engine-cluster.ts';
import { ClientLoad, type Outcome } from '../src/cluster/client-load.ts';
import { until } from '../src/cluster/process-cluster.ts';
import type { WaggleProcess } from '../src/cluster/waggle-process.ts';
import { seededRandom } from '../src/proxy/seeded-random.ts';
import { type Figure, milliseconds, percentile, told } from './figures.ts';
import { judgeOutcomes } from './judge-outcomes.ts';
import type { Scenario } from './scenario.ts';

const words = 20;
const slots = 4;
const clientsAtOnce = 12;
const names = ['n1', 'n2', 'n3', 'n4'] as const;
const models = [{ name: 'words', answer: { kind: 'words', count: words }, decodeMsPerToken: 2 }] as const;

type Way = 'kill -9' | 'freeze' | 'drain';

/** Agents are killed, or frozen, or drained in turn, at random moments, while clients ask and ask. */
function agentsThatDie(name: string, way: Way): Scenario {
  return {
    name,
    what: `agents at random moments under load: ${way}`,
    async run({ kills, seed }) {
      const random = seededRandom(seed);
      const specs = Object.fromEntries(names.map((node) => [node, { openai: { models, slots }, slots }]));
      await using cluster = await EngineCluster.start(specs);
      const rounds = way === 'freeze' ? Math.ceil(kills / 4) : kills;
      const outOfRouting: number[] = [];
      const back: number[] = [];
      const load = new ClientLoad(cluster.url, clientsAtOnce, askWords('words', words));
      for (let round = 0; round < rounds; round++) {
        const node = names[round % names.length] ?? 'n1';
        await load.more(10 + Math.floor(random() * 60));
        await new Promise((resolve) => setTimeout(resolve, random() * 20));
        const { outMs, backMs } = await disturb(cluster, node, way);
        outOfRouting.push(outMs);
        back.push(backMs);
      }
      const outcomes = await load.stop();
      return [
        told(way, `${rounds} times`),
        ...judge(way, outcomes, rounds),
        milliseconds('out of routing after, longest', percentile(outOfRouting, 1), { atMost: goalMs[way] }),
        milliseconds('back in routing after, longest', percentile(back, 1), { atMost: 10_000 }),
        milliseconds('answer, 99 %', percentile(outcomes.map(toMs), 0.99)),
        milliseconds('answer, longest', percentile(outcomes.map(toMs), 1)),
      ];
    },
  };
}

export const agentScenarios: readonly Scenario[] = [
  agentsThatDie('killed-agents', 'kill -9'),
  agentsThatDie('frozen-agents', 'freeze'),
  agentsThatDie('drained-agents', 'drain'),
];

/** Polling sees it a little later than it is. */
const goalMs: Readonly<Record<Way, number>> = { 'kill -9': 1_000, freeze: 2_000, drain: 1_000 };

function judge(way: Way, outcomes: readonly Outcome[], rounds: number): Figure[] {
  // Whatever had begun on the node when it was lost may end in one error; a drain ends nothing.
  return judgeOutcomes(outcomes, way === 'drain' ? 0 : rounds * slots);
}

async function disturb(cluster: EngineCluster, name: string, way: Way): Promise<{ outMs: number; backMs: number }> {
  const agent: WaggleProcess = cluster.cluster.agent(name);
  const begun = performance.now();
  const isOut = until(async () => (await cluster.cluster.node(name))?.state !== 'active', 30_000);
  if (way === 'kill -9') await agent.kill('SIGKILL');
  else agent.signal(way === 'freeze' ? 'SIGSTOP' : 'SIGTERM');
  await isOut;
  const outMs = performance.now() - begun;
  if (way === 'freeze') {
    // Half of them are thawed before they are dead.
    if (Math.round(begun) % 2 === 0)
      await until(async () => (await cluster.cluster.node(name))?.state === 'left', 30_000);
    agent.signal('SIGCONT');
  } else {
    await agent.exited();
    agent.start();
  }
  const cameBack = performance.now();
  await cluster.cluster.serving(name);
  return { outMs, backMs: performance.now() - cameBack };
}

function toMs({ startedAt, endedAt }: Outcome): number {
  return endedAt - startedAt;
}
