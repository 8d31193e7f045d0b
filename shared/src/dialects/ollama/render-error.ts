import type { ClusterError } from '../../errors/cluster-error.ts';
import type { RenderedError } from '../dialect.ts';
import { publicMessage, publicStatus } from '../failures/public-status.ts';

/** `{"error": "text"}`, with the nearest model names or another way out under `hint`. */
export function renderError(error: ClusterError): RenderedError {
  return {
    status: publicStatus(error),
    body: bodyOf(error),
    contentType: 'application/json; charset=utf-8',
  };
}

/** The last line of a stream; Ollama's clients throw at a line with an `error`. */
export function renderStreamError(error: ClusterError): Uint8Array {
  return Buffer.from(`${bodyOf(error)}\n`);
}

function bodyOf(error: ClusterError): string {
  const { hint } = error.details;
  return JSON.stringify({ error: publicMessage(error), ...(hint === undefined ? {} : { hint }) });
}
