import type { JobEnd } from '@waggle/shared/cluster/job.ts';
import type { EngineReport } from '@waggle/shared/cluster/node.ts';
import { fromJobFailure } from '@waggle/shared/dialects/failures/job-failure.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { AttemptFailure } from './attempt.ts';

/**
 * What follows a failed attempt before the first event.
 * `retry`: at once elsewhere; `costs` draws from the retry budget. `excludeMs`: how long this place is out for this job.
 * `rest`: nobody is sent there for `restMs` (`engine`: to none of the engine's models; `rejected`: to none of them until its operator
 * mended what the engine refuses; `shown`: they go on being sent there, and its operator is told). `fail`: the client is told.
 */
export type Verdict =
  | {
      readonly action: 'retry';
      readonly costs: boolean;
      readonly excludeMs: number;
      readonly rest?: 'model' | 'engine' | 'rejected' | 'shown';
      readonly restMs?: number;
    }
  | { readonly action: 'fail' };

const reconnectMs = 1_000;
const declinedMs = 100;
/**
 * Pauses after a 429: as long as it asks for, but never so short that the engine is asked in a loop. One that names none is doubled
 * each time, so that a healed engine is back within 8 s.
 */
const pauseMs = { least: 100, first: 1_000, most: 8_000 };

/** Pure; the table of the contract between the tiers. `restsInRow` counts 429s without an answer in between. */
export function judgeFailure(failure: AttemptFailure, restsInRow: number): Verdict {
  if (failure.kind === 'declined') return { action: 'retry', costs: false, excludeMs: declinedMs };
  if (failure.kind === 'lost') return { action: 'retry', costs: false, excludeMs: reconnectMs };
  // The node ended its work, not we: it is shutting down.
  if (failure.end.outcome === 'cancelled') return { action: 'retry', costs: false, excludeMs: reconnectMs };
  // Deleted behind our back; another node may have it still.
  if (failure.end.failure?.code === 'model-not-found')
    return { action: 'retry', costs: false, excludeMs: Number.POSITIVE_INFINITY };
  const cause = failure.end.failure?.cause;
  switch (cause) {
    case 'unreachable':
      return { action: 'retry', costs: false, excludeMs: reconnectMs, rest: 'engine', restMs: reconnectMs };
    case 'engine':
    case 'internal':
      return { action: 'retry', costs: true, excludeMs: Number.POSITIVE_INFINITY };
    case 'rate-limited': {
      const askedMs = failure.end.failure?.retryAfterMs ?? Math.min(pauseMs.most, pauseMs.first * 2 ** restsInRow);
      const restMs = Math.max(pauseMs.least, askedMs);
      return { action: 'retry', costs: false, excludeMs: restMs, rest: 'model', restMs };
    }
    case 'auth':
      return { action: 'retry', costs: false, excludeMs: Number.POSITIVE_INFINITY, rest: 'rejected' };
    case 'forbidden':
      return { action: 'retry', costs: false, excludeMs: Number.POSITIVE_INFINITY, rest: 'shown' };
    case 'request':
    case undefined:
      return { action: 'fail' };
  }
}

/** The failure as the client hears it, with the engine's own words. */
export function toFailureError(
  failure: AttemptFailure,
  node: string,
  engine: Pick<EngineReport, 'kind' | 'url'>,
): ClusterError {
  if (failure.kind === 'declined')
    return new ClusterError('no-node', `node ${node} takes no jobs now (${failure.reason})`, {
      details: { retryAfterMs: 1_000 },
    });
  if (failure.kind === 'lost')
    return new ClusterError('engine-unreachable', `node ${node} was lost while it worked on the answer`);
  const error = toEndError(failure.end);
  if (failure.end.failure?.cause !== 'auth') return error;
  const words = `node ${node}: ${error.message}; let apiKeyEnv of the ${engine.kind} at ${engine.url} in its configuration name a valid key`;
  // Ours, not the engine's: it may quote the key.
  const { engineMessage: _own, ...details } = error.details;
  return new ClusterError(error.code, words, { details });
}

function toEndError({ failure }: JobEnd): ClusterError {
  return failure === undefined
    ? new ClusterError('engine-failed', 'the engine gave the answer up')
    : fromJobFailure(failure);
}
