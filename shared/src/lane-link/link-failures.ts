import type { JobFailure } from '../cluster/job.ts';
import type { OperationFrame } from '../cluster/operation.ts';
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

function toJobFailure({ code, message, details }: ClusterError): JobFailure {
  return {
    cause: code === 'engine-unreachable' ? 'unreachable' : code === 'engine-failed' ? 'engine' : 'internal',
    code,
    message,
    ...(details.engineStatus === undefined ? {} : { engineStatus: details.engineStatus }),
    ...(details.engineMessage === undefined ? {} : { engineBody: details.engineMessage }),
    ...(details.retryAfterMs === undefined ? {} : { retryAfterMs: details.retryAfterMs }),
  };
}
