import type { JobFailure, JobHeader } from '@waggle/shared/cluster/job.ts';
import { type Hardware, isMeasured, type NodeIdentity } from '@waggle/shared/cluster/node.ts';
import { changingOperations, type OperationFrame, type OperationRequest } from '@waggle/shared/cluster/operation.ts';
import { toJobFailure } from '@waggle/shared/dialects/failures/job-failure.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { JobOutput, ModelCommand, NodeSlots, RunningJob } from '@waggle/shared/lane-link/node-host.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import type { Engine } from './engines/engine.ts';
import { EngineMonitor } from './engines/engine-monitor.ts';
import { decline, EngineJobs } from './jobs/engine-jobs.ts';
import type { JobCounts } from './jobs/job-counts.ts';
import { NodeReports } from './reports/node-reports.ts';

export interface EngineNodeDeps {
  readonly identity: NodeIdentity;
  readonly labels: Readonly<Record<string, string>>;
  /** Absent: not known yet. */
  readonly clusterId?: string | undefined;
  readonly hardware: () => Hardware;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Jobs of one engine now and since the start. */
export interface EngineJobState {
  readonly running: number;
  readonly waiting: number;
  readonly counts: JobCounts;
}

interface ServedEngine {
  readonly engine: Engine;
  readonly monitor: EngineMonitor;
  readonly jobs: EngineJobs;
}

const memoryEveryMs = 5_000;

/** The engines of a node with their jobs, and what it reports of them: owner of all that changes here. */
export class EngineNode {
  readonly reports: NodeReports;
  readonly slots: NodeSlots;
  readonly #deps: EngineNodeDeps;
  readonly #served = new Map<string, ServedEngine>();
  readonly #slotListeners = new Set<(engineId: string) => void>();
  readonly #closing = new AbortController();
  #clusterId: string | undefined;
  #isDraining = false;
  #cancelTimer = () => {};

  constructor(deps: EngineNodeDeps) {
    this.#deps = deps;
    this.#clusterId = deps.clusterId;
    this.reports = new NodeReports({
      hardware: deps.hardware,
      engines: () => [...this.#served.values()].map(({ monitor }) => monitor.report()),
      memoryAvailableBytes: () => (isMeasured(deps.hardware()) ? process.availableMemory() : 0),
      draining: () => this.#isDraining,
      waitingJobs: () => this.#sum(({ jobs }) => jobs.waiting),
      labels: deps.labels,
    });
    this.slots = {
      total: (engineId) => this.#openSlots(engineId),
      free: (engineId) => Math.max(0, this.#openSlots(engineId) - (this.#served.get(engineId)?.jobs.reserved ?? 0)),
      subscribe: (listener) => {
        this.#slotListeners.add(listener);
        return () => this.#slotListeners.delete(listener);
      },
    };
    this.#measureMemory();
  }

  jobs(): ReadonlyMap<string, EngineJobState> {
    return new Map(
      [...this.#served].map(([engineId, { jobs }]) => [
        engineId,
        { running: jobs.reserved - jobs.waiting, waiting: jobs.waiting, counts: jobs.counts },
      ]),
    );
  }

  /** The engines hear it with every request; one that leads back to the cluster shows itself at once. */
  nameCluster(clusterId: string): void {
    if (this.#clusterId === clusterId) return;
    this.#clusterId = clusterId;
    for (const { engine, monitor } of this.#served.values()) {
      engine.nameCluster(clusterId);
      void monitor.refresh();
    }
  }

  /** Resolves when the engine was asked once. An engine that is already served is left as it is. */
  async add(engine: Engine): Promise<void> {
    const { engineId } = engine.identity;
    if (this.#served.has(engineId)) return engine.close();
    if (this.#clusterId !== undefined) engine.nameCluster(this.#clusterId);
    const { clock, logger } = this.#deps;
    const jobs = new EngineJobs(
      (job, body, output) => this.#runOn(engine, monitor, job, body, output),
      () => this.#slotsChanged(engineId),
    );
    const monitor = new EngineMonitor({
      engine,
      takeOwnPeak: () => jobs.takePeak(),
      clock,
      logger,
      changed: () => {
        jobs.resize(monitor.slots);
        this.#slotsChanged(engineId);
        this.reports.changed();
      },
    });
    this.#served.set(engineId, { engine, monitor, jobs });
    engine.watch?.(() => void monitor.refresh());
    await monitor.start();
  }

  run(job: JobHeader, body: Uint8Array, output: JobOutput): RunningJob {
    if (this.#isDraining) return decline(output, 'draining');
    const served = this.#served.get(job.engineId);
    if (served === undefined) return decline(output, 'unknown-engine');
    return served.jobs.run(job, body, output);
  }

  async *operate(
    request: OperationRequest,
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): AsyncGenerator<OperationFrame, void, undefined> {
    const served = this.#served.get(request.engineId);
    if (served === undefined) {
      const message = `engine ${request.engineId} is not on node ${this.#deps.identity.name}`;
      return yield { type: 'end', failure: { cause: 'internal', code: 'not-found', message } };
    }
    const { engine, monitor } = served;
    const untilClosing = AbortSignal.any([signal, this.#closing.signal]);
    for await (const frame of engine.models.operate(request, content, untilClosing)) {
      // The next request of the same caller is to find the models as they are now.
      if (frame.type === 'end' && changingOperations.has(request.name)) await monitor.refresh();
      yield frame;
    }
  }

  async load(command: ModelCommand, signal: AbortSignal): Promise<void> {
    const { engine, monitor } = this.#find(command.engineId);
    // The report says `loading` meanwhile.
    const loaded = engine.models.load(command, AbortSignal.any([signal, this.#closing.signal]));
    void monitor.refresh();
    try {
      await loaded;
    } finally {
      await monitor.refresh();
    }
  }

  async unload(command: ModelCommand): Promise<void> {
    const { engine, monitor } = this.#find(command.engineId);
    await engine.models.unload(command, this.#closing.signal);
    await monitor.refresh();
  }

  async drain(): Promise<void> {
    this.#isDraining = true;
    for (const engineId of this.#served.keys()) this.#slotsChanged(engineId);
    this.reports.changed();
    await Promise.all([...this.#served.values()].map(({ jobs }) => jobs.settled()));
  }

  cut(message: string): void {
    const reason = new ClusterError('draining', message);
    this.#closing.abort(reason);
    for (const { jobs } of this.#served.values()) jobs.cut(toJobFailure(reason));
  }

  async close(): Promise<void> {
    this.#isDraining = true;
    this.#closing.abort(new ClusterError('draining', 'the node is closing'));
    this.#cancelTimer();
    for (const { monitor } of this.#served.values()) monitor.stop();
    await Promise.all([...this.#served.values()].map(({ engine }) => engine.close()));
  }

  #find(engineId: string): ServedEngine {
    const served = this.#served.get(engineId);
    if (served !== undefined) return served;
    throw new ClusterError('not-found', `engine ${engineId} is not on node ${this.#deps.identity.name}`);
  }

  #openSlots(engineId: string): number {
    const served = this.#served.get(engineId);
    return served === undefined || this.#isDraining || served.monitor.health !== 'up' ? 0 : served.jobs.slots;
  }

  #runOn(engine: Engine, monitor: EngineMonitor, job: JobHeader, body: Uint8Array, output: JobOutput): RunningJob {
    return engine.run(job, body, {
      declined: (reason) => output.declined(reason),
      batch: (batch) => output.batch(batch),
      ended: (end) => {
        if (end.failure !== undefined && isLost(end.failure)) monitor.suspect();
        output.ended(end);
      },
    });
  }

  #slotsChanged(engineId: string): void {
    for (const listener of this.#slotListeners) listener(engineId);
  }

  #measureMemory(): void {
    this.#cancelTimer = this.#deps.clock.schedule(memoryEveryMs, () => {
      this.reports.measureMemory();
      this.#measureMemory();
    });
  }

  #sum(count: (served: ServedEngine) => number): number {
    let sum = 0;
    for (const served of this.#served.values()) sum += count(served);
    return sum;
  }
}

/** The connection was refused or broke, rather than the engine answering with an error. */
function isLost({ cause, engineStatus }: JobFailure): boolean {
  return cause === 'unreachable' || (cause === 'engine' && engineStatus === undefined);
}
