import { ClusterError } from '../../errors/cluster-error.ts';

/** The engine's body ended, its answer did not. */
export function endedEarly(cause?: unknown): ClusterError {
  return new ClusterError('engine-failed', 'stream ended without a final answer', { cause });
}

export function notJson(cause: unknown): ClusterError {
  return new ClusterError('engine-failed', 'the engine sent something that is not JSON', { cause });
}

/** The engine answered with JSON that is no answer of this endpoint. */
export function notAnAnswer(what: string): ClusterError {
  return new ClusterError('engine-failed', `the engine sent no valid answer: ${what}`);
}
