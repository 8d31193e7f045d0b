import { batchKind } from '@waggle/shared/chat/answer-batch.ts';
import type { JobHeader } from '@waggle/shared/cluster/job.ts';
import type { NodeIdentity, NodeReport } from '@waggle/shared/cluster/node.ts';
import type { OperationFrame } from '@waggle/shared/cluster/operation.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { JobObserver, Lane, LaneLink, LinkEvents } from '@waggle/shared/lane-link/lane-link.ts';
import type { ModelCommand } from '@waggle/shared/lane-link/node-host.ts';
import type { SimClock } from './sim-clock.ts';
import type { EngineWork, SimEngine } from './sim-engine.ts';
import type { SimJob } from './workload.ts';

/** Reports travel beside the jobs, so they come a little later than what they tell. */
const reportDelayMs = 20;
const none = new Uint8Array(0);
const gigabyte = 1e9;

interface SimNode {
  readonly clock: SimClock;
  readonly engine: SimEngine;
  readonly models: readonly string[];
  /** What the engine will do with a job is not in its header. */
  readonly jobOf: (jobId: string) => SimJob;
}

/** One life of a simulated node: joins when made, until `break`. */
export class SimLink implements LaneLink {
  readonly identity: NodeIdentity;
  readonly epoch: number;
  readonly address = 'simulated';
  readonly #node: SimNode;
  readonly #events: LinkEvents;
  readonly #lanes: SimLane[] = [];
  readonly #loads = new Set<(error: Error) => void>();
  #sequence = 0;
  #isBroken = false;

  constructor(node: SimNode, events: LinkEvents, epoch: number) {
    const { name, parallel, maxLoaded } = node.engine.spec;
    this.#node = node;
    this.#events = events;
    this.epoch = epoch;
    this.identity = { nodeId: name, bootId: `${name}-${epoch}`, name, machineId: name, version: '0' };
    node.engine.onChange = () => node.clock.schedule(reportDelayMs, () => this.report());
    const refusal = events.joined(this, this.#toReport());
    if (refusal !== undefined) throw new Error(refusal.message);
    for (let slot = 0; slot < parallel * maxLoaded; slot++) {
      const lane = new SimLane(node, epoch * 1_000 + slot);
      this.#lanes.push(lane);
      events.laneOpened(this, lane);
    }
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  report(): void {
    if (!this.#isBroken) this.#events.reported(this, this.#toReport());
  }

  /** Tells the orchestrator of the tokens that came since it was last told. */
  sync(): void {
    for (const lane of this.#lanes) lane.sync();
  }

  /** The connection is lost, and the node stops what came over it. */
  break(reason: string): void {
    this.#isBroken = true;
    for (const lane of this.#lanes) {
      lane.break(reason);
      this.#events.laneClosed(this, lane);
    }
    for (const reject of this.#loads) reject(new ClusterError('engine-unreachable', reason));
    this.#events.left(this, reason);
  }

  load({ model }: ModelCommand, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#loads.add(reject);
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      this.#node.engine.load(model, () => {
        this.#loads.delete(reject);
        resolve();
      });
    });
  }

  async unload({ model }: ModelCommand): Promise<void> {
    this.#node.engine.unload(model);
  }

  async *operate(): AsyncIterable<OperationFrame> {}

  close(): void {}

  #toReport(): NodeReport {
    const { engine, models } = this.#node;
    const { parallel, maxLoaded } = engine.spec;
    return {
      sequence: ++this.#sequence,
      hardware: { platform: 'linux', arch: 'x64', cpu: '', cpuCores: 8, memoryBytes: 64 * gigabyte, gpus: [] },
      engines: [
        {
          engineId: 'ollama',
          kind: 'ollama',
          dialect: 'ollama',
          url: '',
          version: '',
          health: 'up',
          slots: parallel * maxLoaded,
          foreignJobs: engine.foreignJobs,
          models: models.map((name) => ({
            name,
            digest: '',
            sizeBytes: 4 * gigabyte,
            state: engine.state(name),
            parallel,
          })),
        },
      ],
      memoryAvailableBytes: 32 * gigabyte,
      draining: false,
      waitingJobs: 0,
      labels: {},
    };
  }
}

class SimLane implements Lane {
  readonly laneId: number;
  readonly engineId = 'ollama';
  readonly #node: SimNode;
  #running: { readonly work: EngineWork; readonly observer: JobObserver; told: number } | undefined;

  constructor(node: SimNode, laneId: number) {
    this.#node = node;
    this.laneId = laneId;
  }

  bind(header: JobHeader, _body: Uint8Array, observer: JobObserver): void {
    const { engine, jobOf } = this.#node;
    const { promptTokens, outputTokens } = jobOf(header.requestId);
    const work: EngineWork = {
      model: header.model,
      promptTokens,
      outputTokens,
      onFirstToken: () => this.#tell(1, batchKind.text),
      onEnd: (timings) => {
        this.#tell(outputTokens, batchKind.text | batchKind.end);
        this.#running = undefined;
        observer.ended({ outcome: 'done', usage: { promptTokens, completionTokens: outputTokens }, timings });
      },
    };
    this.#running = { work, observer, told: 0 };
    observer.accepted();
    engine.start(work);
    if (engine.runningOf(header.model) > engine.spec.parallel)
      throw new Error('more jobs than the model takes at once');
  }

  cancel(): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    this.#node.engine.cancel(running.work);
    running.observer.ended({ outcome: 'cancelled' });
  }

  pause(): void {}

  resume(): void {}

  sync(): void {
    if (this.#running === undefined || this.#running.told === 0) return;
    this.#tell(this.#node.engine.tokensOut(this.#running.work) ?? 0, batchKind.text);
  }

  break(reason: string): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    this.#node.engine.cancel(running.work);
    running.observer.lost(reason);
  }

  #tell(tokens: number, kinds: number): void {
    const running = this.#running;
    if (running === undefined) return;
    const deltas = Math.max(0, tokens - running.told);
    if (deltas === 0 && (kinds & batchKind.end) === 0) return;
    running.told += deltas;
    running.observer.batch({ form: 'native', kinds, deltas, bytes: none });
  }
}
