import { type AnswerBatch, toTypedBatch } from '@waggle/shared/chat/answer-batch.ts';
import type { ChatEvent, ResponseEnd, Timings, Usage } from '@waggle/shared/chat/chat-event.ts';
import type { DeclineReason, FailureCause, JobEnd, JobFailure, JobHeader } from '@waggle/shared/cluster/job.ts';
import type { NodeIdentity } from '@waggle/shared/cluster/node.ts';
import type { OperationFrame } from '@waggle/shared/cluster/operation.ts';
import type { JobObserver, Lane, LaneLink } from '@waggle/shared/lane-link/lane-link.ts';
import type { ModelCommand } from '@waggle/shared/lane-link/node-host.ts';

interface LaneJob {
  readonly header: JobHeader;
  readonly body: Uint8Array;
  readonly observer: JobObserver;
}

/** A lane that does nothing by itself: the test plays the node. */
export class FakeLane implements Lane {
  readonly laneId: number;
  readonly engineId: string;
  /** What the orchestrator called, in order. */
  readonly calls: ('bind' | 'cancel' | 'pause' | 'resume')[] = [];
  /** Every job the lane was given. */
  readonly headers: JobHeader[] = [];
  /** Called with every job, before `bind` returns. */
  onBind: (lane: FakeLane) => void = () => {};
  #job: LaneJob | undefined;

  constructor(laneId: number, engineId: string) {
    this.laneId = laneId;
    this.engineId = engineId;
  }

  bind(header: JobHeader, body: Uint8Array, observer: JobObserver): void {
    if (this.#job !== undefined) throw new Error(`lane ${this.laneId} is given a second job`);
    this.calls.push('bind');
    this.headers.push(header);
    // As if it had been sent: what is kept of the sender's is the sender's doing.
    this.#job = { header, body: new Uint8Array(body), observer };
    this.onBind(this);
  }

  cancel(): void {
    this.calls.push('cancel');
  }

  pause(): void {
    this.calls.push('pause');
  }

  resume(): void {
    this.calls.push('resume');
  }

  get isBusy(): boolean {
    return this.#job !== undefined;
  }

  get wasCancelled(): boolean {
    return this.calls.includes('cancel');
  }

  /** The job on it; throws where there is none. */
  get job(): LaneJob {
    if (this.#job === undefined) throw new Error(`lane ${this.laneId} has no job`);
    return this.#job;
  }

  accept(): void {
    this.job.observer.accepted();
  }

  events(...events: readonly ChatEvent[]): void {
    this.batch(toTypedBatch(events));
  }

  batch(batch: AnswerBatch): void {
    this.job.observer.batch(batch);
  }

  text(text: string): void {
    this.events({ type: 'text-delta', text });
  }

  /** The terminal event, and the engine's stop. */
  finish(facts: { readonly usage?: Usage; readonly timings?: Timings } = {}): void {
    const end: ResponseEnd = { type: 'response-end', finishReason: 'stop', ...facts };
    this.events(end);
    this.end({ outcome: 'done', ...facts });
  }

  end(end: JobEnd): void {
    this.#over().ended(end);
  }

  fail(cause: FailureCause, facts: Partial<JobFailure> = {}): void {
    const { message = `it failed: ${cause}`, ...rest } = facts;
    this.end({ outcome: 'failed', failure: { cause, code: 'engine-failed', message, ...rest } });
  }

  decline(reason: DeclineReason = 'no-slot'): void {
    this.#over().declined(reason);
  }

  lose(reason = 'the connection broke'): void {
    this.#over().lost(reason);
  }

  /** The job is no longer on the lane when the orchestrator hears of it. */
  #over(): JobObserver {
    const { observer } = this.job;
    this.#job = undefined;
    return observer;
  }
}

interface FakeLoad {
  readonly command: ModelCommand;
  readonly signal: AbortSignal;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** A node's connection that records what it is told. */
export class FakeLink implements LaneLink {
  readonly identity: NodeIdentity;
  readonly epoch: number;
  readonly address = 'in-process';
  readonly loads: FakeLoad[] = [];
  readonly unloads: ModelCommand[] = [];
  readonly closed: string[] = [];

  constructor(name: string, epoch = 1) {
    this.identity = { nodeId: `id-${name}`, bootId: `boot-${epoch}`, name, machineId: `machine-${name}`, version: '0' };
    this.epoch = epoch;
  }

  load(command: ModelCommand, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    this.loads.push({ command, signal, resolve, reject });
    return promise;
  }

  async unload(command: ModelCommand): Promise<void> {
    this.unloads.push(command);
  }

  async *operate(): AsyncIterable<OperationFrame> {}

  close(reason: string): void {
    this.closed.push(reason);
  }
}
