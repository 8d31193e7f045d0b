import type { EndpointName } from '../../chat/endpoints.ts';
import type { JobFailure } from '../../cluster/job.ts';
import type { ClusterError } from '../../errors/cluster-error.ts';
import type { EngineHeaders } from '../dialect.ts';
import { type KnownSayings, toEngineFailure, toReportedFailure } from '../failures/engine-failure.ts';

/** What Ollama answers with status 500 although the request is wrong. */
const known: KnownSayings = {
  requestFaults: [
    /^option "[^"]*" must be of /,
    /^invalid format: /,
    /^template: /,
    /does not support (?:embeddings|chat|generate|tools|thinking|insert|images?)/i,
    /input after truncation exceeds/i,
    /cannot be truncated further/i,
    /this model only supports one image/i,
    // `context` with tokens that are none of the model's. The runner was reached: its own JSON follows.
    /^detokenize error: \{/,
    // An option that is more than a 32-bit float can hold.
    /^failed to marshal completion request: json: unsupported value/,
  ],
};

export function classifyError(
  status: number,
  headers: EngineHeaders,
  body: string,
  endpoint: EndpointName,
): JobFailure {
  return toEngineFailure({ status, headers, body }, endpoint, known);
}

/** The text of an `error` line or body that came with status 200. */
export function toReportedError(error: unknown): ClusterError {
  return toReportedFailure(error, known);
}
