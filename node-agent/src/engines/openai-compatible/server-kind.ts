import type { EngineKind } from '@waggle/shared/cluster/node.ts';
import { askObject, askProbe } from '../ask-json.ts';
import { type JsonObject, toObjects, toText } from '../json-facts.ts';
import type { EngineHttp } from '../transport/engine-http.ts';
import type { ServerPaths } from './paths.ts';

/** Which server speaks OpenAI's dialect; llama-swap is one of the unnamed ones but tells what runs. */
export type ServerKind = Exclude<EngineKind, 'ollama' | 'builtin'> | 'llama-swap';

const kindOfOwner: Readonly<Record<string, ServerKind>> = {
  vllm: 'vllm',
  llamacpp: 'llama-server',
  'llama-swap': 'llama-swap',
  organization_owner: 'lm-studio',
};

/** Tells servers apart by what they answer: who owns the listed models first, then what only one of them has. */
export async function findServerKind(
  http: EngineHttp,
  paths: ServerPaths,
  models: readonly JsonObject[],
  signal: AbortSignal,
): Promise<ServerKind> {
  for (const { owned_by: owner } of models) {
    const kind = kindOfOwner[toText(owner) ?? ''];
    if (kind !== undefined) return kind;
  }
  const native = await askObject(http, `${paths.root}/api/v1/models`, signal);
  if (toObjects(native?.['models']).some((model) => 'loaded_instances' in model)) return 'lm-studio';
  const props = await askObject(http, `${paths.root}/props`, signal);
  if (props !== undefined && 'total_slots' in props) return 'llama-server';
  const metrics = await askProbe(http, `${paths.root}/metrics`, signal);
  if (metrics.status === 200 && metrics.body.includes('vllm:num_requests_running')) return 'vllm';
  return 'openai-compatible';
}

export function toEngineKind(kind: ServerKind): EngineKind {
  return kind === 'llama-swap' ? 'openai-compatible' : kind;
}
