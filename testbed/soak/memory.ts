import { readFile } from 'node:fs/promises';
import { askWords } from '../e2e/asked-words.ts';
import { EngineCluster } from '../e2e/engine-cluster.ts';
import { openChat } from '../e2e/post-chat.ts';
import { ClientLoad } from '../src/cluster/client-load.ts';
import { count, type Figure, told } from './figures.ts';
import { judgeOutcomes } from './judge-outcomes.ts';
import type { Scenario } from './scenario.ts';

const words = 6;
const models = [
  { name: 'words', answer: { kind: 'words', count: words } },
  { name: 'endless', answer: { kind: 'endless' }, decodeMsPerToken: 10 },
] as const;
const samples = 10;

/** Memory of both programs over many requests of every form, some of whose clients leave. */
export const memory: Scenario = {
  name: 'memory',
  what: 'memory of both programs over many requests',
  async run({ requests }) {
    const slots = 32;
    await using cluster = await EngineCluster.start(
      {
        desk: { ollama: { models, slots, recordLimit: 10 }, slots },
        rack: { openai: { models, slots, recordLimit: 10 }, slots },
      },
      { orchestratorArgs: ['--log-level', 'error'] },
    );
    const pids = {
      orchestrator: cluster.cluster.orchestrator.pid,
      desk: cluster.cluster.agent('desk').pid,
      rack: cluster.cluster.agent('rack').pid,
    };
    const lines: Record<keyof typeof pids, number[]> = { orchestrator: [], desk: [], rack: [] };
    const figures: Figure[] = [];
    let failed: Figure[] = [];
    const begun = performance.now();
    for (let sample = 0; sample < samples; sample++) {
      const outcomes = await new ClientLoad(
        cluster.url,
        16,
        askWords('words', words),
        Math.ceil(requests / samples),
      ).finish();
      failed = failed.some((figure) => figure.isMet === false) ? failed : judgeOutcomes(outcomes, 0);
      for (let index = 0; index < 20; index++) {
        const chat = await openChat(cluster.url, { model: 'endless' });
        chat.leave();
      }
      for (const [name, pid] of Object.entries(pids) as [keyof typeof pids, number][]) {
        lines[name].push(await residentMiB(pid));
      }
    }
    const seconds = (performance.now() - begun) / 1_000;
    figures.push(count('requests', requests), told('requests per second', (requests / seconds).toFixed(0)));
    for (const [name, line] of Object.entries(lines)) {
      figures.push(told(`${name}, MiB at each tenth`, line.map((mib) => mib.toFixed(0)).join(' ')));
      // The second half against the first: growth with the number of requests would show as much again.
      const half = samples / 2;
      const growth = Math.max(...line.slice(half)) - Math.max(...line.slice(1, half));
      figures.push(count(`${name}, MiB more in the second half`, Math.round(growth), { atMost: 16 }));
    }
    return [...figures, ...failed.slice(2)];
  },
};

async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) / 1024;
}
