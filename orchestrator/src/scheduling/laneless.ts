import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { Choice } from './choose.ts';
import type { HeldJob } from './held-job.ts';
import type { Placement } from './placement.ts';
import type { ServedPlacement } from './served-placement.ts';

/** A place whose node has no lane open, though it is there, is looked at again after this as long as somebody waits for it. */
export const lanelessLookMs = 1_000;
/** What opens none for this long is not waited for: lanes open within a second of their node, or within five after a connection was lost. */
const lanelessMaxMs = 10_000;

/** How long a place has been without lanes, as seen by those who wait for it. */
export class LanelessTime {
  #since = Number.NEGATIVE_INFINITY;
  #seenAt = Number.NEGATIVE_INFINITY;

  /** Seen without any. True: for too long. */
  isTooLong(now: number): boolean {
    if (now - this.#seenAt > 2 * lanelessLookMs) this.#since = now;
    this.#seenAt = now;
    return now - this.#since >= lanelessMaxMs;
  }

  /** A lane was there. */
  end(): void {
    this.#seenAt = Number.NEGATIVE_INFINITY;
  }
}

function toLanelessError(node: string): ClusterError {
  const message = `node ${node} is connected but has opened no lanes for jobs for ${lanelessMaxMs / 1_000} s`;
  return new ClusterError('no-node', message, { details: { retryAfterMs: 5_000 } });
}

export function hasNoLanes({ idleLanes, busyLanes }: Placement): boolean {
  return idleLanes + busyLanes === 0;
}

/** Why the job need not wait for that place, which was chosen to load its model or to wait there; undefined: it is worth it. */
export function refusalThere(
  job: HeldJob,
  action: Choice['action'],
  place: ServedPlacement,
  now: number,
): ClusterError | undefined {
  if (action === 'load') return job.refusedBy(place);
  return hasNoLanes(place) && place.laneless.isTooLong(now) ? toLanelessError(place.node) : undefined;
}
