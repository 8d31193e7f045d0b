import type { ClusterError } from '../../errors/cluster-error.ts';
import type { RenderedError } from '../dialect.ts';
import { publicMessage, publicStatus } from '../failures/public-status.ts';

/** `{"type":"error","error":{type, message},"request_id"}`, with the nearest model names or another way out under `hint`. */
export function renderError(error: ClusterError, requestId: string): RenderedError {
  const status = publicStatus(error);
  return { status, body: `${bodyOf(error, status, requestId)}\n`, contentType: 'application/json' };
}

/** The last event of a stream; Anthropic's clients throw at it. */
export function renderStreamError(error: ClusterError, requestId: string): Uint8Array {
  return Buffer.from(`event: error\ndata: ${bodyOf(error, publicStatus(error), requestId)}\n\n`);
}

function bodyOf(error: ClusterError, status: number, requestId: string): string {
  const { hint } = error.details;
  return JSON.stringify({
    type: 'error',
    error: { type: typeOf(status), message: messageOf(error), ...(hint === undefined ? {} : { hint }) },
    request_id: requestId,
  });
}

/** Clients that can shorten a conversation look for these words. */
function messageOf(error: ClusterError): string {
  const message = publicMessage(error);
  return error.code === 'context-length-exceeded' ? `prompt is too long: ${message}` : message;
}

function typeOf(status: number): string {
  switch (status) {
    case 401:
      return 'authentication_error';
    case 403:
      return 'permission_error';
    case 404:
      return 'not_found_error';
    case 413:
      return 'request_too_large';
    case 429:
      return 'rate_limit_error';
    case 503:
    case 529:
      return 'overloaded_error';
    case 504:
      return 'timeout_error';
    default:
      return status < 500 && status !== 499 ? 'invalid_request_error' : 'api_error';
  }
}
