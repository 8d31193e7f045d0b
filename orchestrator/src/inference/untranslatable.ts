import { endpoints } from '@waggle/shared/chat/endpoints.ts';
import type { EngineReport } from '@waggle/shared/cluster/node.ts';
import { dialects } from '@waggle/shared/dialects/dialects.ts';
import { type ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { InferenceRequest } from './inference.ts';

/** Larger bodies are not read once more: what cannot be translated of them is refused when the model is there. */
const readMaxBytes = 1_048_576;

/**
 * What an engine of the other family cannot be asked, as its node will say it; undefined: nothing. Worth asking before a load: the
 * request is translated for that.
 */
export function findUntranslatable(
  { facts, body }: Pick<InferenceRequest, 'facts' | 'body'>,
  { kind, dialect }: Pick<EngineReport, 'kind' | 'dialect'>,
): ClusterError | undefined {
  const { endpoint } = facts;
  const source = endpoints[endpoint].dialect;
  const isForeign = source !== dialect || kind === 'builtin';
  if (!isForeign || body.byteLength > readMaxBytes) return undefined;
  try {
    const request = dialects[source].decodeRequest(endpoint, JSON.parse(Buffer.from(body).toString('utf8')));
    // The built-in engine runs what is in no dialect.
    if (kind !== 'builtin') dialects[dialect].encodeRequest(request, { source: endpoint });
    return undefined;
  } catch (thrown) {
    return toClusterError(thrown);
  }
}
