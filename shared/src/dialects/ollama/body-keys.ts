import type { EndpointName } from '../../chat/endpoints.ts';
import { type JsonObject, toObject } from '../json/json-value.ts';
import { type KnownKeys, knownKeys, withKnownKeys } from '../requests/known-keys.ts';

/** `arguments`, `properties`, `options` and `format` hold keys of their authors: those count as they are written. */
const toolCall = knownKeys('id', { function: knownKeys('index name arguments') });
export const tool = knownKeys('type items', {
  function: knownKeys('name description', { parameters: knownKeys('type $defs items required properties') }),
});
const message = knownKeys('role content thinking images tool_name tool_call_id', { tool_calls: toolCall });

const generation =
  'model stream format keep_alive options think truncate shift logprobs top_logprobs _debug_render_only';

const bodies: Readonly<Record<string, KnownKeys>> = {
  'ollama.chat': knownKeys(generation, { messages: message, tools: tool }),
  'ollama.generate': knownKeys(`${generation} prompt suffix system template context raw images`),
  'ollama.embed': knownKeys('model input truncate dimensions keep_alive options'),
  'ollama.embeddings': knownKeys('model prompt keep_alive options'),
};

/** The body with its keys as Ollama reads them: whatever their case. The same body where nothing is to be changed. */
export function withExactKeys(endpoint: EndpointName, body: unknown): unknown {
  const known = bodies[endpoint];
  return known === undefined ? body : withKnownKeys(body, known);
}

const modelWork = knownKeys(
  'model name verbose system template options insecure username password stream source destination from files adapters license parameters messages quantize quantization renderer parser requires info capabilities draft_files draft_quantize remote_host',
);

/** The same for work on models. */
export function withExactModelKeys(body: JsonObject): JsonObject {
  return toObject(withKnownKeys(body, modelWork)) ?? body;
}
