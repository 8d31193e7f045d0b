import type { EndpointName } from '../../chat/endpoints.ts';
import type { JobFailure } from '../../cluster/job.ts';
import type { ClusterError } from '../../errors/cluster-error.ts';
import type { EngineHeaders } from '../dialect.ts';
import { type KnownSayings, toEngineFailure, toReportedFailure } from '../failures/engine-failure.ts';

/** What llama-server, LM Studio and others answer with status 500 although the request is wrong. */
const known: KnownSayings = {
  requestFaults: [
    /(?:image|audio|video|multimodal)\b.*\bnot support/i,
    /does not support (?:embeddings|images?|tools|audio|multimodal)/i,
    /^failed to parse (?:grammar|tools|messages|json schema)/i,
    /tools? (?:param )?requires? --jinja/i,
    /jinja exception/i,
    /^unknown reasoning format/i,
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

/** The value of an `error` key that came with status 200. */
export function toReportedError(error: unknown): ClusterError {
  return toReportedFailure(error, known);
}
