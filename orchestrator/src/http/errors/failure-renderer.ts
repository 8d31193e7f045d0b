import { renderError as renderForAnthropic } from '@waggle/shared/dialects/anthropic/render-error.ts';
import { dialects } from '@waggle/shared/dialects/dialects.ts';
import { ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import type { ErrorForm } from './error-form.ts';
import type { PlainAnswer } from './plain-answer.ts';

/**
 * The one place where what was thrown becomes what the client reads. An error nobody foresaw says its code and the
 * request id only; what really happened is in the log.
 */
export class FailureRenderer {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  render(thrown: unknown, form: ErrorForm, requestId: string): PlainAnswer {
    const error = this.toPublic(thrown, requestId);
    const rendered = form === 'anthropic' ? renderForAnthropic(error, requestId) : dialects[form].renderError(error);
    return { ...rendered, headers: retryHeaders(error) };
  }

  /** The error as a client may see it; an unforeseen one is logged. */
  toPublic(thrown: unknown, requestId: string): ClusterError {
    const error = toClusterError(thrown);
    if (error.code !== 'internal') return error;
    const cause = error.cause instanceof Error ? error.cause : error;
    this.#logger.error('request-failed', { requestId, message: error.message, stack: cause.stack });
    return new ClusterError('internal', `internal error (request ${requestId})`);
  }
}

function retryHeaders(error: ClusterError): Record<string, string> {
  const { retryAfterMs } = error.details;
  const status = error.details.engineStatus ?? error.httpStatus;
  if (retryAfterMs === undefined || (status !== 429 && status !== 503)) return {};
  return { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1_000))) };
}
