// What scheduling costs: choosing a place, the way of a job through the scheduler, the hold queue when it is long.
// By itself: node scripts/run.mjs testbed/bench/choose.ts
import { choose } from '@waggle/orchestrator/scheduling/choose.ts';
import { HoldQueue } from '@waggle/orchestrator/scheduling/hold-queue.ts';
import { FakeCluster } from '@waggle/orchestrator/testing/fake-cluster.ts';
import { RecordingJob } from '@waggle/orchestrator/testing/recording-job.ts';

export interface SchedulingCost {
  readonly name: string;
  /** µs per call or job. */
  readonly micros: number;
  /** Bytes of heap allocated per call or job. */
  readonly bytes: number;
}

type Load = 'idle' | 'half' | 'full';

const slots = 4;
const heldJobs = 100_000;

export function benchScheduling(): SchedulingCost[] {
  const loads: readonly Load[] = ['idle', 'half', 'full'];
  return [
    ...[1, 16, 1_000].flatMap((nodes) => loads.map((load) => measureChoose(nodes, load))),
    measureIdlePath(1),
    measureIdlePath(16),
    measureFullPath(16, 1),
    measureFullPath(16, 400),
    ...measureQueue(),
  ];
}

/** Nodes whose rates are known, some of their lanes taken by jobs amid their answers. */
function createCluster(nodes: number, load: Load): { cluster: FakeCluster; running: RecordingJob[] } {
  const cluster = new FakeCluster({ queueSize: heldJobs });
  for (let index = 0; index < nodes; index++) {
    const name = `node-${index}`;
    cluster.join(name, { lanes: slots, models: [{ parallel: slots, numCtx: 4_096, contextLength: 32_768 }] });
    const { rates } = cluster.placement(name);
    for (let sample = 0; sample < 30; sample++) {
      const others = sample % slots;
      const usage = { promptTokens: 200, completionTokens: 100 };
      const timings = { prefillMs: 100, decodeMs: 2_000 + 100 * others };
      rates.learn(sample, { usage, timings, promptTokens: 200, others, firstEventMs: 100, totalMs: 2_200 });
    }
  }
  const lanesTaken = { idle: 0, half: slots / 2, full: slots }[load];
  const running = Array.from({ length: lanesTaken * nodes }, (_, index) => {
    const job = new RecordingJob(`running-${index}`);
    cluster.scheduler.hold(job);
    Object.assign(job.place.bound, { firstEventAt: 0, tokensOut: index % 100 });
    return job;
  });
  return { cluster, running };
}

function measureChoose(nodes: number, load: Load): SchedulingCost {
  const { cluster } = createCluster(nodes, load);
  const places = cluster.registry.places('llama3.2:latest').map((served) => cluster.scheduler.placement(served));
  const job = new RecordingJob('chosen');
  const expected = load === 'full' ? 'wait' : 'bind';
  const run = () => {
    if (choose(places, job, 1_000).action !== expected) throw new Error(`not a case of ${expected}`);
  };
  return { name: `choose, ${toCount(nodes)}, ${load}`, ...measure(run, Math.round(20_000 / nodes) + 100) };
}

/** A job that is placed at once, and ends. */
function measureIdlePath(nodes: number): SchedulingCost {
  const { scheduler } = createCluster(nodes, 'idle').cluster;
  const run = () => {
    const job = new RecordingJob('passing');
    scheduler.hold(job);
    job.place.settle('ok');
    scheduler.release(job.place);
  };
  return { name: `hold and release, ${toCount(nodes)}, idle`, ...measure(run, 5_000) };
}

/** Every lane is taken: a job is held, another ends, and the head of the queue gets its lane. */
function measureFullPath(nodes: number, held: number): SchedulingCost {
  const { cluster, running } = createCluster(nodes, 'full');
  const { scheduler, clock } = cluster;
  const hold = () => {
    const job = new RecordingJob('waiting', { heldSince: clock.now() });
    job.onPlaced = () => running.push(job);
    scheduler.hold(job);
  };
  for (let index = 0; index < held; index++) hold();
  let next = 0;
  const run = () => {
    hold();
    const job = running[next++];
    if (job !== undefined) scheduler.release(job.place);
  };
  return { name: `hold and release, ${toCount(nodes)}, full, ${held} held`, ...measure(run, 2_000) };
}

function measureQueue(): SchedulingCost[] {
  const queue = new HoldQueue<RecordingJob>();
  const none = new Set<string>();
  let time = 0;
  const toJob = () => new RecordingJob('held', { line: `line-${time % 4}`, heldSince: time++ });
  const fresh = Array.from({ length: heldJobs }, toJob);
  for (const job of fresh) queue.add(job);
  const extra = Array.from({ length: 60_000 }, toJob);
  let at = 0;
  const added: RecordingJob[] = [];
  const add = measure(() => {
    const job = extra[at++ % extra.length];
    if (job === undefined || added.length >= extra.length) return;
    queue.add(job);
    added.push(job);
  }, 1_000);
  const remove = measure(() => {
    const job = added.pop();
    if (job !== undefined) queue.remove(job);
  }, 1_000);
  const take = measure(() => {
    const job = queue.best(none);
    if (job !== undefined) queue.remove(job);
  }, 1_000);
  const suffix = `${heldJobs.toLocaleString('en')} held`;
  return [
    { name: `queue: add, ${suffix}`, ...add },
    { name: `queue: remove from anywhere, ${suffix}`, ...remove },
    { name: `queue: take the best, ${suffix}`, ...take },
  ];
}

const rounds = 25;
/** So few bytes are not collected between two looks at the heap. */
const bytesPerLook = 400_000;

/** The best of some rounds, since whatever else runs on the machine only ever adds. */
function measure(run: () => void, calls: number): Pick<SchedulingCost, 'micros' | 'bytes'> {
  let micros = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const began = process.hrtime.bigint();
    for (let call = 0; call < calls; call++) run();
    micros = Math.min(micros, Number(process.hrtime.bigint() - began) / 1_000 / calls);
  }
  const once = heapGrowth(run, 1);
  return { micros, bytes: heapGrowth(run, Math.max(1, Math.min(calls, Math.floor(bytesPerLook / Math.max(1, once))))) };
}

/** Median of bytes per call, over looks between which nothing was collected. */
function heapGrowth(run: () => void, calls: number): number {
  const grown: number[] = [];
  for (let look = 0; look < 15; look++) {
    const before = process.memoryUsage().heapUsed;
    for (let call = 0; call < calls; call++) run();
    const bytes = process.memoryUsage().heapUsed - before;
    if (bytes >= 0) grown.push(bytes / calls);
  }
  return Math.round(grown.toSorted((a, b) => a - b)[Math.floor(grown.length / 2)] ?? 0);
}

function toCount(nodes: number): string {
  return nodes === 1 ? '1 node' : `${nodes.toLocaleString('en')} nodes`;
}

if (import.meta.main) {
  for (const { name, micros, bytes } of benchScheduling())
    console.log(`${name.padEnd(52)}${micros.toFixed(2).padStart(9)} µs${String(bytes).padStart(9)} bytes`);
}
