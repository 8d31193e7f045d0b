import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { ClientLoad } from '../src/cluster/client-load.ts';
import { until } from '../src/cluster/process-cluster.ts';
import type { WaggleProcess } from '../src/cluster/waggle-process.ts';
import { askWords } from './asked-words.ts';
import { EngineCluster } from './engine-cluster.ts';

const probe = pathToFileURL(`${import.meta.dirname}/../src/cluster/promotion-probe.ts`).href;
const env = { NODE_OPTIONS: `--import ${probe}` };

/** More than there are slots, so that every request is held, bound and answered. */
const clients = 16;
const slots = 2;
const requests = 1_500;
/**
 * A request makes 20 to 40 KB of garbage in each program. Where all of it dies young, 50 to 250 bytes of it grow old, of what runs when a
 * collection comes; where something holds on to what is finished, it is 700 and more.
 */
const mostBytesEach = 500;

/** Signals the probe; what it says. */
async function ask(program: WaggleProcess): Promise<string> {
  const said = () => program.output.split('promoted ').slice(1);
  const before = said().length;
  program.signal('SIGUSR2');
  await until(async () => said().length > before && program.output.endsWith('\n'));
  return said().at(-1)?.trim() ?? '';
}

// The probe is told by a signal that Windows does not have.
test.skipIf(process.platform === 'win32')('finished requests do not grow old', async () => {
  const models = [{ name: 'words', answer: { kind: 'words', count: 6 } }] as const;
  await using cluster = await EngineCluster.start(
    {
      desk: { ollama: { models, slots, recordLimit: 10 }, slots, env },
      rack: { openai: { models, slots, recordLimit: 10 }, slots, env },
    },
    // Those that are remembered for a while are to grow old.
    { config: 'limits: { recentRequests: 10 }\n', orchestratorArgs: ['--log-level', 'error'], orchestratorEnv: env },
  );
  const load = async (count: number) => {
    const outcomes = await new ClientLoad(cluster.url, clients, askWords('words', 6), count).finish();
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['complete']));
    return outcomes;
  };
  await load(500);
  const { orchestrator, agents } = cluster.cluster;
  for (const program of [orchestrator, ...agents.values()]) await ask(program);
  const outcomes = await load(requests);
  expect(Number(await ask(orchestrator)) / requests, 'orchestrator').toBeLessThan(mostBytesEach);
  for (const [name, agent] of agents) {
    const share = outcomes.filter(({ node }) => node === name).length;
    expect(Number(await ask(agent)) / share, `agent ${name}`).toBeLessThan(mostBytesEach);
  }
});
