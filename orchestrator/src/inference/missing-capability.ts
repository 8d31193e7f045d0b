import { type EndpointName, endpoints } from '@waggle/shared/chat/endpoints.ts';
import type { Capability } from '@waggle/shared/cluster/model.ts';
import type { EngineKind } from '@waggle/shared/cluster/node.ts';
import { dialects } from '@waggle/shared/dialects/dialects.ts';
import { ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';

export interface RefusedRequest {
  readonly endpoint: EndpointName;
  /** As the client wrote it. */
  readonly model: string;
  readonly body: Uint8Array;
}

/** What an engine would say to a request for which its model lacks `need`: the client is told without a load. */
export function toMissingCapability(need: Capability, request: RefusedRequest, engine: EngineKind): ClusterError {
  return engine === 'lm-studio' ? inWordsOfLmStudio(need, request) : inWordsOfOllama(need, request);
}

function inWordsOfOllama(need: Capability, request: RefusedRequest): ClusterError {
  const { endpoint, model } = request;
  switch (need) {
    case 'completion':
      return unsupported(`"${model}" does not support ${endpoints[endpoint].kind === 'chat' ? 'chat' : 'generate'}`);
    case 'embedding':
      // Its older call has no status of its own for this.
      return new ClusterError(
        endpoint === 'ollama.embeddings' ? 'unsupported' : 'not-implemented',
        'This server does not support embeddings. Start it with `--embeddings`',
      );
    case 'vision':
      return (
        findDamage(request) ?? unsupported('Multimodal data provided, but model does not support multimodal requests.')
      );
    default:
      return unsupported(`"${model}" does not support ${need}`);
  }
}

function inWordsOfLmStudio(need: Capability, { model }: RefusedRequest): ClusterError {
  if (need === 'vision') return unsupported('Model does not support images. Please use a model that does.');
  return unsupported(`Failed to load model "${model}". Error: Model is not ${need === 'embedding' ? need : 'llm'}.`);
}

function unsupported(message: string): ClusterError {
  return new ClusterError('unsupported', message);
}

/** Images that are none are what an engine sees first. */
function findDamage({ endpoint, body }: RefusedRequest): ClusterError | undefined {
  try {
    dialects[endpoints[endpoint].dialect].decodeRequest(endpoint, JSON.parse(Buffer.from(body).toString('utf8')));
    return undefined;
  } catch (thrown) {
    return toClusterError(thrown);
  }
}
