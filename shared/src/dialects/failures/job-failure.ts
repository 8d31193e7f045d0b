import type { FailureCause, JobFailure } from '../../cluster/job.ts';
import type { ClusterError } from '../../errors/cluster-error.ts';
import type { ErrorCode } from '../../errors/error-codes.ts';

/** What an error that a reader or an encoder of a request threw means for routing. */
export function toJobFailure(error: ClusterError): JobFailure {
  const { engineStatus, engineMessage, retryAfterMs } = error.details;
  return {
    cause: causeOfCode(error.code),
    code: error.code,
    message: error.message,
    ...(engineStatus === undefined ? {} : { engineStatus }),
    ...(engineMessage === undefined ? {} : { engineBody: engineMessage }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

function causeOfCode(code: ErrorCode): FailureCause {
  switch (code) {
    case 'bad-request':
    case 'unsupported':
    case 'context-length-exceeded':
    case 'model-not-found':
    case 'not-found':
    case 'method-not-allowed':
    case 'body-too-large':
    case 'client-gone':
    case 'deadline-exceeded':
    case 'request-timeout':
    case 'not-implemented':
      return 'request';
    case 'unauthorized':
      return 'auth';
    case 'forbidden':
      return 'forbidden';
    case 'rate-limited':
    case 'overloaded':
      return 'rate-limited';
    case 'engine-unreachable':
      return 'unreachable';
    case 'engine-failed':
    case 'loop-detected':
      return 'engine';
    case 'internal':
    case 'no-node':
    case 'draining':
      return 'internal';
  }
}
