import { freePort } from '../src/cluster/free-port.ts';
import { ProcessCluster } from '../src/cluster/process-cluster.ts';
import { BenchChild } from './children.ts';
import { type LoadOptions, runLoad } from './load.ts';
import { cpuMicros, residentMegabytes } from './process-usage.ts';

/** One row: microseconds of CPU per request, or per delta, of each process. */
export interface RequestCosts {
  readonly name: string;
  readonly proxy: number;
  readonly orchestrator: number;
  readonly agent: number;
  /** Both tiers as a multiple of the bare proxy hop. */
  readonly ratio: number;
}

interface Workload {
  readonly name: string;
  readonly path: string;
  readonly stream: boolean;
  readonly words: number;
  /** Deltas of one answer; 1 where it is whole. */
  readonly per: number;
}

const workloads: readonly Workload[] = [
  { name: 'whole answer, 0.6 KB', path: '/v1/chat/completions', stream: false, words: 85, per: 1 },
  { name: 'whole answer, 10 KB', path: '/v1/chat/completions', stream: false, words: 1_700, per: 1 },
  { name: 'delta of a stream of 64, unpaced', path: '/v1/chat/completions', stream: true, words: 64, per: 64 },
];

const inFlight = 16;
const warmUpSeconds = 1;
const rounds = 3;

export interface RequestBench {
  readonly costs: readonly RequestCosts[];
  readonly idleMegabytes: { readonly orchestrator: number; readonly agent: number };
}

/** CPU per request of both tiers beside a bare node:http proxy in front of the same engine, in alternating rounds. */
export async function benchRequests(seconds: number): Promise<RequestBench> {
  const models = workloads.map(({ words }) => ({ name: `words-${words}`, answer: { kind: 'words', count: words } }));
  await using engine = await BenchChild.start('testbed/src/engines/main.ts', [
    '--dialect',
    'vllm',
    '--port',
    '0',
    '--config',
    JSON.stringify({ models, slots: 1024, timeScale: 0, deltasPerWrite: 16 }),
  ]);
  const { url: engineUrl } = JSON.parse(engine.line) as { url: string };
  const proxyPort = await freePort();
  await using proxy = await BenchChild.start('testbed/bench/plain-proxy.ts', [
    String(proxyPort),
    new URL(engineUrl).host,
  ]);
  await using cluster = await ProcessCluster.start({
    agents: [{ name: 'bench', engineUrl: `${engineUrl}/v1`, slots: 1024 }],
    orchestratorArgs: ['--log-level', 'error'],
  });
  const idleMegabytes = {
    orchestrator: residentMegabytes(cluster.orchestrator.pid),
    agent: residentMegabytes(cluster.agent('bench').pid),
  };
  const costs: RequestCosts[] = [];
  for (const workload of workloads) {
    const body = {
      model: `words-${workload.words}`,
      stream: workload.stream,
      messages: [{ role: 'user', content: 'Say something short about bees, please.' }],
      max_tokens: 4096,
    };
    const load = { path: workload.path, body, inFlight };
    const proxied: number[] = [];
    const ours: { orchestrator: number; agent: number }[] = [];
    await runLoad({ ...load, url: `http://127.0.0.1:${proxyPort}`, seconds: warmUpSeconds });
    await runLoad({ ...load, url: cluster.url, seconds: warmUpSeconds });
    for (let round = 0; round < rounds; round++) {
      proxied.push((await costOf({ ...load, url: `http://127.0.0.1:${proxyPort}`, seconds }, [proxy.pid]))[0] ?? 0);
      const [orchestrator = 0, agent = 0] = await costOf({ ...load, url: cluster.url, seconds }, [
        cluster.orchestrator.pid,
        cluster.agent('bench').pid,
      ]);
      ours.push({ orchestrator, agent });
    }
    const hop = median(proxied) / workload.per;
    const orchestrator = median(ours.map((round) => round.orchestrator)) / workload.per;
    const agent = median(ours.map((round) => round.agent)) / workload.per;
    costs.push({ name: workload.name, proxy: hop, orchestrator, agent, ratio: (orchestrator + agent) / hop });
  }
  return { costs, idleMegabytes };
}

/** Microseconds of CPU per good request of each process. */
async function costOf(load: LoadOptions, pids: readonly number[]): Promise<number[]> {
  const before = pids.map(cpuMicros);
  const { requests, failed } = await runLoad(load);
  if (failed > 0 || requests === 0) throw new Error(`${failed} of ${requests + failed} requests failed at ${load.url}`);
  return pids.map((pid, index) => (cpuMicros(pid) - (before[index] ?? 0)) / requests);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
