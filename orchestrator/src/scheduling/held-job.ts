import type { JobPins } from '@waggle/shared/cluster/job.ts';
import type { Capability } from '@waggle/shared/cluster/model.ts';
import type { RosterMember } from '@waggle/shared/collections/roster.ts';
import type { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { Lane } from '@waggle/shared/lane-link/lane-link.ts';
import type { BoundJob } from '../cluster/engine-lanes.ts';
import type { Settle } from './breaker.ts';
import type { Prediction } from './cost.ts';
import type { Decision } from './decision.ts';
import type { Queued } from './hold-queue.ts';
import type { ChoosableJob, Placement } from './placement.ts';
import type { ServedPlacement } from './served-placement.ts';

/** One generation the scheduler must place. It calls back exactly once per hold: `placed` or `refused`. */
export interface HeldJob extends Queued, ChoosableJob {
  /** Model keys in order of preference (an alias has several); one is tried after the other. */
  readonly targets: readonly string[];
  /** The model as its client wrote it. */
  readonly model: string;
  leaveBy: number | undefined;
  /** When its client gives it up, on the scheduler's clock; absent: it did not say. */
  readonly deadlineAt?: number | undefined;
  /** Since when it has been waiting for places that asked for a pause. */
  pausedSince?: number | undefined;
  /** The client's keep_alive; negative: for ever. */
  readonly keepAliveSeconds: number | undefined;
  /** Why the last attempt failed; what the client is told if no other can be made. */
  readonly lastError: ClusterError | undefined;
  /** The place failed it: it is out for this job until then, and `error` is what the client hears if nobody else can. */
  exclude(place: Placement, until: number, error: ClusterError): void;
  /** What its client hears where every engine would refuse it because their model lacks `need`. */
  lacks(place: ServedPlacement, need: Capability): ClusterError;
  /** What its client hears where nobody else can do it that the engine there could not be asked; undefined: nothing is known to be in the way. */
  refusedBy(place: ServedPlacement): ClusterError | undefined;
  placed(placed: Placed): void;
  refused(error: ClusterError): void;
}

/** A reserved lane: the job must be bound to it in the same tick, and `release` or `lose` called when it is over. */
export interface Placed extends RosterMember {
  readonly placement: ServedPlacement;
  readonly lane: Lane;
  readonly decision: Decision;
  readonly bound: BoundJob;
  readonly pins: JobPins;
  readonly predicted: Prediction;
  /** Other jobs on the engine when this one was bound. */
  readonly others: number;
  /** Feeds the breaker of the place. */
  readonly settle: Settle;
}

/** When places that failed the job are open to it again. */
export function triedAgainAt(job: HeldJob, now: number): number[] {
  const times: number[] = [];
  for (const until of job.tried.values()) if (until > now && Number.isFinite(until)) times.push(until);
  return times;
}

/** The job, for the choice of a place other than this one, this moment. */
export function toElsewhere(job: HeldJob, except: Placement): ChoosableJob {
  const { promptTokens, maxTokens, numCtx, startOptions, needs, stream, heldSince, onlyNode } = job;
  const tried = new Map(job.tried).set(except, Number.POSITIVE_INFINITY);
  const residency = { numCtx, startOptions };
  return { promptTokens, maxTokens, ...residency, needs, stream, heldSince, tried, leaveBy: 0, onlyNode };
}

/** What a client wants resident that generates nothing. */
export type ResidentWish = Pick<
  HeldJob,
  'targets' | 'onlyNode' | 'numCtx' | 'startOptions' | 'keepAliveSeconds' | 'needs'
>;

/** The wish, for the choice of the place where that is cheapest. */
export function toResident({ onlyNode, numCtx, startOptions, needs }: ResidentWish, now: number): ChoosableJob {
  const nothing = { promptTokens: 0, maxTokens: 0, stream: false, tried: new Map<Placement, number>() };
  return { ...nothing, numCtx, startOptions, needs, heldSince: now, leaveBy: undefined, onlyNode };
}
