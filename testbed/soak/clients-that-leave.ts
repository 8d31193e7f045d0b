import { askWords } from '../e2e/asked-words.ts';
import { EngineCluster } from '../e2e/engine-cluster.ts';
import { type OpenChat, openChat, sendChat } from '../e2e/post-chat.ts';
import { ClientLoad } from '../src/cluster/client-load.ts';
import { until } from '../src/cluster/process-cluster.ts';
import type { ScriptedEngine } from '../src/engines/scripted-engine.ts';
import { count, type Figure, milliseconds, percentile, told } from './figures.ts';
import { judgeOutcomes } from './judge-outcomes.ts';
import type { Scenario } from './scenario.ts';

const slots = 16;
const models = [
  { name: 'words', answer: { kind: 'words', count: 12 } },
  { name: 'endless', answer: { kind: 'endless' }, decodeMsPerToken: 10 },
  { name: 'pensive', answer: { kind: 'words', count: 2 }, prefillTokensPerS: 0.001 },
] as const;

const ways = [
  { name: 'in the middle of a stream', model: 'endless', stream: true, begun: true },
  { name: 'before the first byte of a stream', model: 'pensive', stream: true, begun: false },
  { name: 'before a whole answer', model: 'endless', stream: false, begun: false },
] as const;

/** How soon an engine's connection closes after its client's; and that slots come back, held jobs included. */
export const clientsThatLeave: Scenario = {
  name: 'leaving',
  what: 'clients that leave: how soon the engine knows',
  async run({ leaves }) {
    await using cluster = await EngineCluster.start({
      desk: { ollama: { models, slots }, slots },
      rack: { openai: { models, slots }, slots },
    });
    const figures: Figure[] = [];
    for (const { name: node } of [{ name: 'desk' }, { name: 'rack' }]) {
      const engine = cluster.engine(node);
      for (const model of ['words', 'endless', 'pensive'])
        await sendChat(cluster.url, { model: `${model}@${node}`, messages: [] }).answered;
      for (const way of ways) {
        const delays: number[] = [];
        for (let round = 0; round < Math.ceil(leaves / 6 / slots); round++) {
          delays.push(...(await leaveAtOnce(cluster.url, engine, { ...way, model: `${way.model}@${node}` })));
        }
        figures.push(told(`${node}: ${way.name}`, `${delays.length} clients`));
        figures.push(milliseconds('engine knows after, half', percentile(delays, 0.5)));
        figures.push(milliseconds('engine knows after, 99 %', percentile(delays, 0.99), { atMost: 100 }));
        figures.push(milliseconds('engine knows after, longest', percentile(delays, 1)));
      }
    }
    figures.push(...(await leaveWhileHeld(cluster, leaves)));
    const after = await new ClientLoad(cluster.url, slots, askWords('words', 12), 200).finish();
    return [...figures, told('afterwards', ''), ...judgeOutcomes(after, 0)];
  },
};

interface Way {
  readonly model: string;
  readonly stream: boolean;
  readonly begun: boolean;
}

/** As many clients as there are slots, all of them gone within a millisecond; milliseconds until the engine saw each. */
async function leaveAtOnce(url: string, engine: ScriptedEngine, { model, stream, begun }: Way): Promise<number[]> {
  const { requests } = engine;
  requests.clear();
  const chats: OpenChat[] = [];
  for (let index = 0; index < slots; index++) {
    chats.push(begun ? await openChat(url, { model, stream }) : sendChat(url, { model, stream }));
  }
  await requests.until(() => requests.all.length >= slots);
  const leftAt = performance.timeOrigin + performance.now();
  for (const chat of chats) chat.leave();
  await requests.until(() => requests.all.every((record) => record.clientGoneAt !== undefined));
  return requests.all.map((record) => (record.clientGoneAt ?? Number.NaN) - leftAt);
}

async function leaveWhileHeld(cluster: EngineCluster, leaves: number): Promise<Figure[]> {
  const { requests } = cluster.engine('desk');
  const holders = await Promise.all(
    Array.from({ length: slots }, () => openChat(cluster.url, { model: 'endless@desk' })),
  );
  const { started } = requests.counters;
  const held = Math.min(leaves, 500);
  const waiting = Array.from({ length: held }, (_, index) =>
    sendChat(cluster.url, { model: 'endless@desk', stream: index % 2 === 0 }),
  );
  await until(async () => (await heldJobs(cluster)) === held);
  const leftAt = performance.now();
  for (const chat of waiting) chat.leave();
  await until(async () => (await heldJobs(cluster)) === 0);
  const goneMs = performance.now() - leftAt;
  for (const holder of holders) holder.leave();
  await requests.until(() => requests.counters.active === 0);
  return [
    told('held', `${held} clients`),
    milliseconds('all forgotten after', goneMs, { atMost: 1_000 }),
    count('asked of the engine all the same', requests.counters.started - started, { atMost: 0 }),
  ];
}

async function heldJobs(cluster: EngineCluster): Promise<number> {
  const { queue } = await cluster.cluster.get<{ queue: { heldJobs: number } }>('/api/cluster/status');
  return queue.heldJobs;
}
