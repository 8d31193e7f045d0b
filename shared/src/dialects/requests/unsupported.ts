import { ClusterError } from '../../errors/cluster-error.ts';

/** Something that engines of the other family cannot be asked for. */
export function unsupported(param: string, reason: string): ClusterError {
  return new ClusterError('unsupported', reason, { details: { param } });
}

/** A request that makes no sense in any family. */
export function badRequest(param: string, message: string): ClusterError {
  return new ClusterError('bad-request', message, { details: { param } });
}
