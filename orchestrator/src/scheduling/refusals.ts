import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { Exclusion } from './decision.ts';
import { isForWantOfNode } from './eligibility.ts';

/** Why a job was refused for which no place is eligible, as its client hears it. */
export function toNoPlaceError(model: string, excluded: ReadonlySet<Exclusion> = nothing): ClusterError {
  if (excluded.has('breaker-open'))
    return new ClusterError('no-node', `every node that has ${model} is failing; they are tried again soon`, {
      details: { retryAfterMs: 6_000 },
    });
  if (excluded.has('memory'))
    return new ClusterError('unsupported', `${model} does not fit into the memory of any node that has it`);
  if (excluded.has('fixed-context'))
    return new ClusterError(
      'unsupported',
      `num_ctx is more than the engines that have ${model} were started with; they cannot give it another context`,
      { details: { param: 'num_ctx' } },
    );
  if (isForWantOfNode(excluded))
    return new ClusterError('no-node', `none of the nodes that may serve ${model} has it (models: nodes)`, {
      details: { retryAfterMs: 5_000 },
    });
  return new ClusterError('no-node', `no node that has ${model} can be reached`, {
    details: { retryAfterMs: 5_000 },
  });
}

const nothing: ReadonlySet<Exclusion> = new Set();

/** The queue is full; the words are Ollama's. */
export function toOverloadedError(retryAfterMs: number): ClusterError {
  return new ClusterError('overloaded', 'server busy, please try again.  maximum pending requests exceeded', {
    details: { retryAfterMs },
  });
}
