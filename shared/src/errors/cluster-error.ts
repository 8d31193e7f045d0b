import { type ErrorCode, errorCodes } from './error-codes.ts';

export interface ErrorDetails {
  /** Status the engine answered with; a client of the engine's own dialect is given this one. */
  readonly engineStatus?: number;
  /** The engine's own error text. */
  readonly engineMessage?: string;
  /** Milliseconds after which a retry makes sense. */
  readonly retryAfterMs?: number;
  /** Name of the request field that is wrong. */
  readonly param?: string;
  /** A short way out for the reader, such as the nearest model names. */
  readonly hint?: string;
}

/** The one error type that crosses module boundaries; each dialect renders it in its own envelope. */
export class ClusterError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; details?: ErrorDetails } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ClusterError';
    this.code = code;
    this.details = options.details ?? {};
  }

  /** HTTP status for the client, from the table of codes. */
  get httpStatus(): number {
    return errorCodes[this.code].http;
  }
}

/** Any thrown value as a ClusterError; what is not one becomes `internal` and keeps its cause. */
export function toClusterError(thrown: unknown): ClusterError {
  if (thrown instanceof ClusterError) return thrown;
  return new ClusterError('internal', thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
}
