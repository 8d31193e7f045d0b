import type { OperationFrame } from '../cluster/operation.ts';
import { toJobFailure } from '../dialects/failures/job-failure.ts';
import { ClusterError, toClusterError } from '../errors/cluster-error.ts';

/** How long a cancelled job may take to end before its lane, not its node, is given up. */
export const cancelMaxMs = 60_000;

/** What a load, an unload or an operation comes to when the node goes. */
export function toLostError(nodeName: string, reason: string): ClusterError {
  return new ClusterError('engine-unreachable', `node ${nodeName} was lost: ${reason}`);
}

/** An error that a node's host threw, as its operation's end. */
export function toOperationEnd(thrown: unknown): Extract<OperationFrame, { type: 'end' }> {
  return { type: 'end', failure: toJobFailure(toClusterError(thrown)) };
}
