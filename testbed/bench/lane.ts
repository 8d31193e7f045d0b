import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connectNode } from '@waggle/node-agent/link/connect-node.ts';
import { startGrpcServer } from '@waggle/orchestrator/grpc/start-grpc-server.ts';
import { type AnswerBatch, batchKind } from '@waggle/shared/chat/answer-batch.ts';
import type { JobEnd } from '@waggle/shared/cluster/job.ts';
import type { Lane, LaneLink, LinkEvents } from '@waggle/shared/lane-link/lane-link.ts';
import type { JobOutput, NodeHost } from '@waggle/shared/lane-link/node-host.ts';
import { toJobHeader } from '@waggle/shared/lane-link/testing/recording-events.ts';
import { ScriptedHost } from '@waggle/shared/lane-link/testing/scripted-host.ts';
import { systemClock } from '@waggle/shared/observing/clock.ts';
import { silentLogger } from '@waggle/shared/observing/logger.ts';

/*
 * What a lane costs: CPU per request over one lane connection, agent in a process of its own that answers at once.
 * `node testbed/bench/lane.ts [requests]`
 */

interface Scenario {
  readonly name: string;
  readonly bodyBytes: number;
  readonly answerBytes: number;
  /** Batches the answer comes in, each in a turn of the event loop of its own. */
  readonly batches: number;
  readonly inFlight: number;
  /** Share of the requests to run. */
  readonly share: number;
}

const scenarios: readonly Scenario[] = [
  { name: '0.6 KB, 32 in flight', bodyBytes: 300, answerBytes: 600, batches: 1, inFlight: 32, share: 1 },
  { name: '0.6 KB, 16 in flight', bodyBytes: 300, answerBytes: 600, batches: 1, inFlight: 16, share: 1 },
  { name: '0.6 KB, 1 in flight', bodyBytes: 300, answerBytes: 600, batches: 1, inFlight: 1, share: 0.3 },
  { name: '10 KB, 16 in flight', bodyBytes: 300, answerBytes: 10_000, batches: 1, inFlight: 16, share: 0.5 },
  { name: '100 KB, 16 in flight', bodyBytes: 300, answerBytes: 100_000, batches: 1, inFlight: 16, share: 0.05 },
  {
    name: '50 deltas of 120 B, 16 in flight',
    bodyBytes: 300,
    answerBytes: 6_000,
    batches: 50,
    inFlight: 16,
    share: 0.03,
  },
];

const slots = 64;
const rounds = 3;

/** Answers with as many bytes as the job's model name says, in as many batches as the answer's model name says. */
function runAgent(port: number): void {
  const scripted = new ScriptedHost({ e1: slots });
  const text = Buffer.alloc(100_000, 97);
  let running = 0;
  const end: JobEnd = {
    outcome: 'done',
    usage: { promptTokens: 20, completionTokens: 100 },
    timings: { totalMs: 12.5, decodeMs: 8 },
  };
  const host: NodeHost = {
    identity: scripted.identity,
    reports: scripted.reports,
    slots: { total: () => slots, free: () => slots - running, subscribe: () => () => {} },
    operate: (request, content, signal) => scripted.operate(request, content, signal),
    load: () => Promise.resolve(),
    unload: () => Promise.resolve(),
    run(header, _body, output) {
      running++;
      const free = (job: JobEnd) => {
        running--;
        output.ended(job);
      };
      const batches = Number(header.answerModel);
      const bytes = text.subarray(0, Number(header.model) / batches);
      if (batches === 1) setImmediate(answer, output, bytes, end, free);
      else setImmediate(say, output, bytes, batches, end, free);
      return { cancel() {}, resume() {} };
    },
  };
  connectNode(host, { orchestrator: `127.0.0.1:${port}`, logger: silentLogger, clock: systemClock });
  process.on('message', () => process.send?.(process.cpuUsage()));
  process.on('disconnect', () => process.exit());
}

type End = (end: JobEnd) => void;

function answer(output: JobOutput, bytes: Uint8Array, end: JobEnd, ended: End): void {
  output.batch({ form: 'native', kinds: batchKind.text | batchKind.end, deltas: 1, bytes });
  ended(end);
}

function say(output: JobOutput, bytes: Uint8Array, left: number, end: JobEnd, ended: End): void {
  if (left === 1) {
    answer(output, bytes, end, ended);
    return;
  }
  output.batch({ form: 'native', kinds: batchKind.text, deltas: 1, bytes });
  setImmediate(say, output, bytes, left - 1, end, ended);
}

async function runOrchestrator(requests: number): Promise<void> {
  const caller = new Caller();
  const server = await startGrpcServer(
    { host: '127.0.0.1', port: 0, clusterId: 'bench', lanesPerNode: 1024, logger: silentLogger, clock: systemClock },
    caller,
  );
  const agent = fork(import.meta.filename, [String(server.port)]);
  const agentCpu = async (): Promise<NodeJS.CpuUsage> => {
    agent.send('cpu');
    const [usage] = await once(agent, 'message');
    return usage as NodeJS.CpuUsage;
  };
  while (caller.lanes.length < 8) await new Promise((resolve) => setTimeout(resolve, 20));
  console.log('CPU per request in µs: calling side, agent, both | wall clock');
  for (const scenario of scenarios) {
    await caller.run(scenario, Math.ceil(requests * scenario.share * 0.3));
    for (let round = 0; round < rounds; round++) {
      const count = Math.ceil(requests * scenario.share);
      const [ownBefore, agentBefore, startedAt] = [process.cpuUsage(), await agentCpu(), performance.now()];
      await caller.run(scenario, count);
      const wallMs = performance.now() - startedAt;
      const own = toMicros(process.cpuUsage(ownBefore)) / count;
      const others = (toMicros(await agentCpu()) - toMicros(agentBefore)) / count;
      const figures = [own, others, own + others, (wallMs * 1000) / count].map((value) => value.toFixed(1));
      console.log(`${scenario.name.padEnd(34)} ${figures.slice(0, 3).join('  ')} | ${figures[3]}`);
    }
  }
  agent.disconnect();
  await server.close();
}

/** The least an orchestrator can be: binds the next request as soon as one has ended. */
class Caller implements LinkEvents {
  readonly lanes: Lane[] = [];
  #scenario: Scenario | undefined;
  #waiting = 0;
  #active = 0;
  #done = 0;
  #count = 0;
  #finish: () => void = () => {};
  #body: Buffer = Buffer.alloc(0);

  run(scenario: Scenario, count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#scenario = scenario;
    this.#body = Buffer.alloc(scenario.bodyBytes, 98);
    this.#finish = resolve;
    this.#count = count;
    this.#done = 0;
    this.#waiting = count;
    while (this.#active < scenario.inFlight && this.lanes.length > 0) this.#bindNext();
    return promise;
  }

  joined(): undefined {}
  reported(): void {}
  laneOpened(_link: LaneLink, lane: Lane): void {
    this.lanes.push(lane);
    if (this.#active < (this.#scenario?.inFlight ?? 0)) this.#bindNext();
  }
  laneClosed(_link: LaneLink, lane: Lane): void {
    this.lanes.splice(this.lanes.indexOf(lane), 1);
  }
  suspected(): void {}
  recovered(): void {}
  measured(): void {}
  left(): void {}

  #bindNext(): void {
    const scenario = this.#scenario;
    if (scenario === undefined || this.#waiting === 0) return;
    const lane = this.lanes.pop();
    if (lane === undefined) return;
    this.#waiting--;
    this.#active++;
    const header = toJobHeader({
      jobId: 'req-0123456789abcdef',
      requestId: 'req-0123456789abcdef',
      model: String(scenario.answerBytes),
      answerModel: String(scenario.batches),
      pins: { numCtx: 4096, keepAliveSeconds: 300 },
    });
    lane.bind(header, this.#body, {
      accepted: () => {},
      batch: (_batch: AnswerBatch) => {},
      declined: (reason) => this.#fail(reason),
      lost: (reason) => this.#fail(reason),
      ended: () => {
        this.lanes.push(lane);
        this.#active--;
        this.#done++;
        if (this.#done === this.#count) this.#finish();
        else this.#bindNext();
      },
    });
  }

  #fail(reason: string): never {
    throw new Error(reason);
  }
}

function toMicros({ user, system }: NodeJS.CpuUsage): number {
  return user + system;
}

if (process.send === undefined) await runOrchestrator(Number(process.argv[2] ?? 100_000));
else runAgent(Number(process.argv[2]));
