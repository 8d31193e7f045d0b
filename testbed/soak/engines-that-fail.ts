import { askWords } from '../e2e/asked-words.ts';
import { EngineCluster } from '../e2e/engine-cluster.ts';
import { ClientLoad } from '../src/cluster/client-load.ts';
import { until } from '../src/cluster/process-cluster.ts';
import type { Fault } from '../src/engines/faults.ts';
import { count, type Figure, milliseconds, told } from './figures.ts';
import { judgeOutcomes } from './judge-outcomes.ts';
import type { Scenario } from './scenario.ts';

const words = 20;
const slots = 8;
const models = [{ name: 'words', answer: { kind: 'words', count: words }, decodeMsPerToken: 1 }] as const;
const requestsEach = 600;

const faults: readonly { readonly name: string; readonly fault: Fault }[] = [
  { name: '500', fault: { kind: 'status', status: 500 } },
  { name: '429', fault: { kind: 'status', status: 429 } },
  { name: 'hang', fault: { kind: 'hang' } },
  { name: 'cut', fault: { kind: 'cut', afterDeltas: 0, reset: true } },
  { name: 'malformed', fault: { kind: 'malformed', atDelta: 1 } },
  { name: 'silent end', fault: { kind: 'silent-end', afterDeltas: 0 } },
];

/** One engine of two misbehaves in every way there is, and heals. */
export const enginesThatFail: Scenario = {
  name: 'engines',
  what: 'one of two engines fails in every way, and heals',
  async run() {
    await using cluster = await EngineCluster.start({
      sick: { openai: { models, slots }, slots },
      well: { openai: { models, slots }, slots },
    });
    const sick = cluster.engine('sick');
    await new ClientLoad(cluster.url, 12, askWords('words', words), 200).finish();
    const figures: Figure[] = [];
    for (const { name, fault } of faults) {
      const undo = sick.control.inject(fault);
      const { started } = sick.requests.counters;
      const outcomes = await new ClientLoad(cluster.url, 12, askWords('words', words), requestsEach).finish();
      const tried = sick.requests.counters.started - started;
      undo();
      figures.push(told(name, ''), ...judgeOutcomes(outcomes, 0));
      figures.push(count('tries at the sick one', tried, { atMost: requestsEach / 10 }));
      figures.push(milliseconds('back in use after', await healed(cluster), { atMost: 10_000 }));
    }
    return figures;
  },
};

/** Milliseconds of load until the engine has answered a client again. */
async function healed(cluster: EngineCluster): Promise<number> {
  const begun = performance.now();
  const load = new ClientLoad(cluster.url, 12, askWords('words', words));
  await until(async () => load.outcomes.some(({ node, kind }) => node === 'sick' && kind === 'complete'), 30_000);
  await load.stop();
  return performance.now() - begun;
}
