import type { ClusterError } from '../../errors/cluster-error.ts';
import type { ErrorCode } from '../../errors/error-codes.ts';
import type { RenderedError } from '../dialect.ts';
import { publicMessage, publicStatus } from '../failures/public-status.ts';

/** `{"error": {message, type, param, code}}`, with the nearest model names or another way out under `hint`. */
export function renderError(error: ClusterError): RenderedError {
  const status = publicStatus(error);
  return { status, body: `${bodyOf(error, status)}\n`, contentType: 'application/json' };
}

/** The last event of a stream; OpenAI's clients throw at data with an `error`. */
export function renderStreamError(error: ClusterError): Uint8Array {
  return Buffer.from(`data: ${bodyOf(error, publicStatus(error))}\n\n`);
}

function bodyOf(error: ClusterError, status: number): string {
  const { param, hint } = error.details;
  return JSON.stringify({
    error: {
      message: publicMessage(error),
      type: typeOf(status),
      param: param ?? null,
      code: codeOf(error.code),
      ...(hint === undefined ? {} : { hint }),
    },
  });
}

/** As Ollama's `/v1` names them, and OpenAI's name for what Ollama never says. */
function typeOf(status: number): string {
  if (status === 404) return 'not_found_error';
  if (status === 429) return 'rate_limit_error';
  return status >= 400 && status < 500 && status !== 499 ? 'invalid_request_error' : 'api_error';
}

/** Null where Ollama's `/v1` gives an error of the kind too; else what a client may want to tell apart. */
function codeOf(code: ErrorCode): string | null {
  switch (code) {
    case 'bad-request':
    case 'unsupported':
    case 'not-found':
    case 'model-not-found':
    case 'method-not-allowed':
    case 'internal':
    case 'engine-failed':
      return null;
    case 'rate-limited':
      return 'rate_limit_exceeded';
    default:
      return code.replaceAll('-', '_');
  }
}
