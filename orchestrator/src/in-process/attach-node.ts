import type { LinkEvents, Refusal } from '@waggle/shared/lane-link/lane-link.ts';
import type { NodeHost } from '@waggle/shared/lane-link/node-host.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import { InProcessLink } from './in-process-link.ts';

export interface AttachOptions {
  readonly clock: Clock;
  /** Lanes over all engines of the node; 1,024 where nothing is said. */
  readonly lanesPerNode?: number;
}

/** A node of this very process, in the cluster without gRPC. */
export interface AttachedNode {
  /** Set: the cluster did not take it, and the other members do nothing. */
  readonly refusal: Refusal | undefined;
  /** Takes nothing new, resolves when running jobs and operations have finished and the node has left. */
  drain(): Promise<void>;
  /** Leaves at once; running jobs are cancelled. Leaving twice does nothing. */
  close(): void;
}

/**
 * Puts a node into the cluster over a `LaneLink` without a network.
 *
 * Order: `joined`, then `laneOpened` for each free slot, before it returns. Changes of slots are followed at the end of the
 * event loop's turn, so that a host may free a slot and end its job in either order. What a host says while it is being
 * called reaches the observer in a turn of its own; no observer is called from inside `bind`, `cancel`, `pause` or `resume`.
 * `close` tells every job `lost`, then `laneClosed`, then `left`, before it returns.
 */
export function attachNode(host: NodeHost, events: LinkEvents, options: AttachOptions): AttachedNode {
  const link = new InProcessLink(host, events, {
    clock: options.clock,
    lanesPerNode: options.lanesPerNode ?? 1024,
    epoch: 1,
  });
  const refusal = link.join();
  return { refusal, drain: () => link.drain(), close: () => link.close('it was taken out') };
}
