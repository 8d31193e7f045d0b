import type { AnswerBatch } from '../chat/answer-batch.ts';
import type { DeclineReason, JobEnd, JobHeader, JobPins } from '../cluster/job.ts';
import type { NodeIdentity, NodeReport } from '../cluster/node.ts';
import type { OperationFrame, OperationRequest } from '../cluster/operation.ts';

/** A node as its link sees it: what the agent can do for any orchestrator, over whatever transport. */
export interface NodeHost {
  readonly identity: NodeIdentity;
  readonly reports: NodeReports;
  readonly slots: NodeSlots;
  /** Starts a job; the host answers through `output`, `ended` or `declined` exactly once, last. */
  run(job: JobHeader, body: Uint8Array, output: JobOutput): RunningJob;
  /** Runs until its `end` frame; aborting `signal` stops the engine's work. */
  operate(
    request: OperationRequest,
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): AsyncIterable<OperationFrame>;
  /** Resolves when the model is resident; rejects with a ClusterError. */
  load(model: ModelCommand, signal: AbortSignal): Promise<void>;
  /** Resolves when the engine has been told; the next report shows the effect. */
  unload(model: ModelCommand): Promise<void>;
}

export interface ModelCommand {
  readonly engineId: string;
  readonly model: string;
  readonly pins: JobPins;
}

export interface NodeReports {
  current(): NodeReport;
  /** Called with every changed report; the returned function ends it. */
  subscribe(listener: (report: NodeReport) => void): () => void;
}

/** The node's own count of slots, per engine: what bounds the lanes that are open. */
export interface NodeSlots {
  /** Slots of the engine, 0 while it is down or the node drains. */
  total(engineId: string): number;
  free(engineId: string): number;
  subscribe(listener: (engineId: string) => void): () => void;
}

/** Where a job's answer goes. All calls for one job come in order; nothing follows `ended` or `declined`. */
export interface JobOutput {
  /** Given once, instead of anything else. */
  declined(reason: DeclineReason): void;
  /** False: the reader is slow; produce nothing more until `RunningJob.resume` is called. */
  batch(batch: AnswerBatch): boolean;
  ended(end: JobEnd): void;
}

export interface RunningJob {
  /** Asks the engine to stop; `ended` follows when it has. */
  cancel(): void;
  /** The reader caught up. */
  resume(): void;
}
