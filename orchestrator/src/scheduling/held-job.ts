import type { JobPins } from '@waggle/shared/cluster/job.ts';
import type { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { Lane } from '@waggle/shared/lane-link/lane-link.ts';
import type { BoundJob } from '../cluster/engine-lanes.ts';
import type { Settle } from './breaker.ts';
import type { Decision } from './decision.ts';
import type { Queued } from './hold-queue.ts';
import type { ChoosableJob, Placement } from './placement.ts';
import type { ServedPlacement } from './served-placement.ts';

/** One generation the scheduler must place. It calls back exactly once per hold: `placed` or `refused`. */
export interface HeldJob extends Queued, ChoosableJob {
  /** Model keys in order of preference (an alias has several); one is tried after the other. */
  readonly targets: readonly string[];
  readonly tried: Map<Placement, number>;
  leaveBy: number | undefined;
  /** The client's keep_alive; negative: for ever. */
  readonly keepAliveSeconds: number | undefined;
  /** Since when nothing at all could take it. */
  strandedSince: number | undefined;
  /** Why the last attempt failed; what the client is told if no other can be made. */
  lastError: ClusterError | undefined;
  placed(placed: Placed): void;
  refused(error: ClusterError): void;
}

/** A reserved lane: the job must be bound to it in the same tick, and `release` or `lose` called when it is over. */
export interface Placed {
  readonly placement: ServedPlacement;
  readonly lane: Lane;
  readonly decision: Decision;
  readonly bound: BoundJob;
  readonly pins: JobPins;
  /** Expected milliseconds from the bind, and whether enough was measured to make it a deadline. */
  readonly predicted: { readonly firstEventMs: number; readonly totalMs: number; readonly trusted: boolean };
  /** Other jobs on the engine when this one was bound. */
  readonly others: number;
  /** Feeds the breaker of the place. */
  readonly settle: Settle;
}
