import type { AnswerBatch } from '../chat/answer-batch.ts';
import type { DeclineReason, JobEnd, JobHeader } from '../cluster/job.ts';
import type { NodeIdentity, NodeReport } from '../cluster/node.ts';
import type { OperationFrame, OperationRequest } from '../cluster/operation.ts';
import type { ModelCommand } from './node-host.ts';

/**
 * One concurrency slot of one engine of a node, seen from the orchestrator. A lane runs one job at a time and is reused
 * for ever; an idle lane is the proof of a free slot.
 */
export interface Lane {
  /** Unique within the process. */
  readonly laneId: number;
  readonly engineId: string;
  /** Gives an idle lane a job. The lane is idle again after `ended` or `declined`. No observer is called before it returns. */
  bind(header: JobHeader, body: Uint8Array, observer: JobObserver): void;
  /** Asks the node to stop the job; batches that still come are dropped by the caller, `ended` follows. */
  cancel(): void;
  /** Stops reading this lane, so that back-pressure reaches the engine's socket. */
  pause(): void;
  resume(): void;
}

/** Follows one job on one lane. Exactly one of `declined`, `ended` and `lost` comes, last. */
export interface JobObserver {
  accepted(): void;
  declined(reason: DeclineReason): void;
  batch(batch: AnswerBatch): void;
  ended(end: JobEnd): void;
  /** The lane broke under the job: the node died or was cut off. */
  lost(reason: string): void;
}

/** One node's connection to the orchestrator, over whatever transport. */
export interface LaneLink {
  readonly identity: NodeIdentity;
  /** Rises with every registration of this node here; frames of an older epoch are dropped. */
  readonly epoch: number;
  /** `in-process`, or the peer's address. */
  readonly address: string;
  load(model: ModelCommand, signal: AbortSignal): Promise<void>;
  unload(model: ModelCommand): Promise<void>;
  operate(
    request: OperationRequest,
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): AsyncIterable<OperationFrame>;
  /** Ends the connection. Jobs are told `lost`, then come `laneClosed` and `left`, all before it returns. */
  close(reason: string): void;
}

/** Why a node is not taken into the cluster; shown to the operator of the node. */
export interface Refusal {
  readonly reason: 'same-name' | 'cloned' | 'bad-token' | 'incompatible' | 'full' | 'shutting-down';
  readonly message: string;
}

/** What the cluster must be told by a link, whichever transport it is. All calls are synchronous and in order. */
export interface LinkEvents {
  /** A refusal ends the link; otherwise the node is in the cluster and lanes may open. */
  joined(link: LaneLink, report: NodeReport): Refusal | undefined;
  reported(link: LaneLink, report: NodeReport): void;
  laneOpened(link: LaneLink, lane: Lane): void;
  /** The lane is gone; a job on it has been told `lost` before. */
  laneClosed(link: LaneLink, lane: Lane): void;
  /** Silent for a while: nothing new is bound until `recovered`. */
  suspected(link: LaneLink): void;
  recovered(link: LaneLink): void;
  /** Round trip of a ping, in milliseconds. */
  measured(link: LaneLink, roundTripMs: number): void;
  left(link: LaneLink, reason: string): void;
}
