import type { FailureCause, JobFailure } from '../../cluster/job.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import type { ErrorCode } from '../../errors/error-codes.ts';

/** What an error that a reader or an encoder of a request threw means for routing. */
export function toJobFailure(error: ClusterError): JobFailure {
  const { engineStatus, engineMessage, retryAfterMs, param } = error.details;
  return {
    cause: causeOfCode(error.code),
    code: error.code,
    message: error.message,
    ...(engineStatus === undefined ? {} : { engineStatus }),
    ...(engineMessage === undefined ? {} : { engineBody: engineMessage }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(param === undefined ? {} : { param }),
  };
}

/** A failure on a node as its client hears it, with the engine's own words. */
export function fromJobFailure(failure: JobFailure): ClusterError {
  const { code, message, engineStatus, engineBody, retryAfterMs, param } = failure;
  return new ClusterError(code, message, {
    details: {
      ...(engineStatus === undefined ? {} : { engineStatus }),
      ...(engineBody === undefined ? {} : { engineMessage: message }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(param === undefined ? {} : { param }),
    },
  });
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
