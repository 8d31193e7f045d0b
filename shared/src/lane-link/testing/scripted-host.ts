import { type AnswerBatch, batchKind, toTypedBatch } from '../../chat/answer-batch.ts';
import type { ChatEvent } from '../../chat/chat-event.ts';
import type { DeclineReason, JobEnd, JobHeader } from '../../cluster/job.ts';
import type { EngineReport, NodeIdentity, NodeReport } from '../../cluster/node.ts';
import type { OperationFrame, OperationRequest } from '../../cluster/operation.ts';
import type { JobOutput, ModelCommand, NodeHost, NodeReports, NodeSlots, RunningJob } from '../node-host.ts';
import { Waiting } from './waiting.ts';

/** A job the host was given. The test plays the engine. */
export class ScriptedJob implements RunningJob {
  readonly header: JobHeader;
  readonly body: Uint8Array;
  /** Called when the orchestrator cancels. */
  onCancel: () => void = () => {};
  onResume: () => void = () => {};
  isCancelled = false;
  readonly #output: JobOutput;
  readonly #over: () => void;
  #isOver = false;

  constructor(header: JobHeader, body: Uint8Array, output: JobOutput, over: () => void) {
    this.header = header;
    this.body = body;
    this.#output = output;
    this.#over = over;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  cancel(): void {
    this.isCancelled = true;
    this.onCancel();
  }

  resume(): void {
    this.onResume();
  }

  /** Engine's own bytes. */
  native(bytes: Uint8Array | string, kinds: number = batchKind.text, deltas = 1): boolean {
    return this.batch({ form: 'native', kinds, deltas, bytes: typeof bytes === 'string' ? Buffer.from(bytes) : bytes });
  }

  events(...events: readonly ChatEvent[]): boolean {
    return this.batch(toTypedBatch(events));
  }

  batch(batch: AnswerBatch): boolean {
    return this.#output.batch(batch);
  }

  end(end: JobEnd = { outcome: 'done' }): void {
    this.#settle();
    this.#output.ended(end);
  }

  decline(reason: DeclineReason = 'no-slot'): void {
    this.#settle();
    this.#output.declined(reason);
  }

  #settle(): void {
    if (this.#isOver) throw new Error('the job is over');
    this.#isOver = true;
    this.#over();
  }
}

interface ScriptedSlots {
  total: number;
  taken: number;
}

type Operate = NodeHost['operate'];

/** A node whose engines the test plays. Records what it is told. */
export class ScriptedHost implements NodeHost {
  readonly identity: NodeIdentity;
  readonly jobs = new Waiting<ScriptedJob>();
  readonly loads: ModelCommand[] = [];
  readonly unloads: ModelCommand[] = [];
  readonly operations: OperationRequest[] = [];
  /** Called with every job before it is queued for the test; true: it was dealt with. */
  onJob: (job: ScriptedJob) => boolean = () => false;
  onLoad: (model: ModelCommand, signal: AbortSignal) => Promise<void> = async () => {};
  onUnload: (model: ModelCommand) => Promise<void> = async () => {};
  onOperate: Operate = async function* () {
    yield { type: 'end' };
  };
  /** Jobs that are neither over nor declined. */
  running = 0;
  readonly #slots = new Map<string, ScriptedSlots>();
  readonly #slotListeners = new Set<(engineId: string) => void>();
  readonly #reportListeners = new Set<(report: NodeReport) => void>();
  #engines: readonly EngineReport[];
  #facts: Partial<NodeReport> = {};
  #sequence = 1;

  constructor(slots: Readonly<Record<string, number>>, identity: Partial<NodeIdentity> = {}) {
    this.identity = { nodeId: 'n1', bootId: 'b1', name: 'desk', machineId: 'm1', version: '0.1.0', ...identity };
    for (const [engineId, total] of Object.entries(slots)) this.#slots.set(engineId, { total, taken: 0 });
    this.#engines = Object.entries(slots).map(([engineId, total]) => toEngineReport(engineId, total));
  }

  readonly reports: NodeReports = {
    current: () => this.#toReport(),
    subscribe: (listener) => {
      this.#reportListeners.add(listener);
      return () => this.#reportListeners.delete(listener);
    },
  };

  readonly slots: NodeSlots = {
    total: (engineId) => this.#slots.get(engineId)?.total ?? 0,
    free: (engineId) => this.free(engineId),
    subscribe: (listener) => {
      this.#slotListeners.add(listener);
      return () => this.#slotListeners.delete(listener);
    },
  };

  free(engineId: string): number {
    const { total, taken } = this.#slots.get(engineId) ?? { total: 0, taken: 0 };
    return Math.max(0, total - taken);
  }

  run(header: JobHeader, body: Uint8Array, output: JobOutput): RunningJob {
    const { engineId } = header;
    this.#take(engineId, 1);
    this.running++;
    const job = new ScriptedJob(header, body, output, () => {
      this.running--;
      this.#take(engineId, -1);
    });
    if (!this.onJob(job)) this.jobs.push(job);
    return job;
  }

  operate(
    request: OperationRequest,
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): AsyncIterable<OperationFrame> {
    this.operations.push(request);
    return this.onOperate(request, content, signal);
  }

  load(model: ModelCommand, signal: AbortSignal): Promise<void> {
    this.loads.push(model);
    return this.onLoad(model, signal);
  }

  unload(model: ModelCommand): Promise<void> {
    this.unloads.push(model);
    return this.onUnload(model);
  }

  setSlots(engineId: string, total: number): void {
    const slots = this.#slots.get(engineId);
    if (slots === undefined) this.#slots.set(engineId, { total, taken: 0 });
    else slots.total = total;
    this.#tellSlots(engineId);
  }

  /** Slots that somebody else uses: another orchestrator, or the engine's own clients. */
  takeElsewhere(engineId: string, count: number): void {
    this.#take(engineId, count);
  }

  setEngines(engines: readonly EngineReport[]): void {
    this.#engines = engines;
    this.report();
  }

  report(facts: Partial<NodeReport> = {}): void {
    this.#facts = facts;
    this.#sequence++;
    const report = this.#toReport();
    for (const listener of this.#reportListeners) listener(report);
  }

  #take(engineId: string, count: number): void {
    const slots = this.#slots.get(engineId);
    if (slots !== undefined) slots.taken += count;
    this.#tellSlots(engineId);
  }

  #tellSlots(engineId: string): void {
    for (const listener of this.#slotListeners) listener(engineId);
  }

  #toReport(): NodeReport {
    return {
      sequence: this.#sequence,
      hardware: { platform: 'linux', arch: 'x64', cpu: 'a cpu', cpuCores: 8, memoryBytes: 2 ** 35, gpus: [] },
      engines: this.#engines,
      memoryAvailableBytes: 2 ** 34,
      draining: false,
      waitingJobs: 0,
      labels: {},
      ...this.#facts,
    };
  }
}

export function toEngineReport(engineId: string, slots: number, facts: Partial<EngineReport> = {}): EngineReport {
  return {
    engineId,
    kind: 'ollama',
    dialect: 'ollama',
    url: 'http://127.0.0.1:11434',
    version: '0.34.2',
    health: 'up',
    slots,
    models: [],
    ...facts,
  };
}
