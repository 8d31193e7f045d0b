import { askWords } from '../e2e/asked-words.ts';
import { EngineCluster } from '../e2e/engine-cluster.ts';
import { askOnce, ClientLoad, tally } from '../src/cluster/client-load.ts';
import { until } from '../src/cluster/process-cluster.ts';
import { seededRandom } from '../src/proxy/seeded-random.ts';
import { count, type Figure, milliseconds, percentile } from './figures.ts';
import { judgeOutcomes } from './judge-outcomes.ts';
import type { Scenario } from './scenario.ts';

const words = 20;
const slots = 8;
const models = [{ name: 'words', answer: { kind: 'words', count: words }, decodeMsPerToken: 2 }] as const;

/** The orchestrator is killed, and asked to end, under load; the agents stay. */
export const orchestratorsThatDie: Scenario = {
  name: 'orchestrator',
  what: 'orchestrator killed and restarted, and drained, under load',
  async run({ kills, seed }) {
    const random = seededRandom(seed);
    const rounds = Math.ceil(kills / 4);
    await using cluster = await EngineCluster.start({
      left: { openai: { models, slots }, slots },
      right: { openai: { models, slots }, slots },
    });
    const { orchestrator } = cluster.cluster;
    const toFirstAnswer: number[] = [];
    let corrupt = 0;
    let cutByDrain = 0;
    let refusedAfter = 0;
    for (let round = 0; round < rounds; round++) {
      const isKill = round % 2 === 0;
      const load = new ClientLoad(cluster.url, 12, askWords('words', words));
      await load.more(20 + Math.floor(random() * 60));
      if (isKill) await orchestrator.kill('SIGKILL');
      else {
        orchestrator.signal('SIGTERM');
        await orchestrator.exited();
      }
      const outcomes = await load.stop();
      corrupt += tally(outcomes).corrupt ?? 0;
      if (!isKill) cutByDrain += (tally(outcomes).cut ?? 0) + (tally(outcomes)['error-event'] ?? 0);
      const begun = performance.now();
      orchestrator.start();
      await until(async () => (await askOnce(cluster.url, askWords('words', words)(round))).kind === 'complete');
      toFirstAnswer.push(performance.now() - begun);
      const after = await new ClientLoad(cluster.url, 12, askWords('words', words), 60).finish();
      refusedAfter += after.length - (tally(after).complete ?? 0);
      await cluster.cluster.ready(2);
    }
    const settled = await new ClientLoad(cluster.url, 12, askWords('words', words), 200).finish();
    const figures: Figure[] = [
      count('restarts', rounds),
      count('answers cut by a drain', cutByDrain, { atMost: 0 }),
      count('words lost, doubled or moved', corrupt, { atMost: 0 }),
      count('failed right after a restart', refusedAfter, { atMost: 0 }),
      milliseconds('start to first answer, longest', percentile(toFirstAnswer, 1), { atMost: 8_000 }),
    ];
    return [...figures, ...judgeOutcomes(settled, 0)];
  },
};
