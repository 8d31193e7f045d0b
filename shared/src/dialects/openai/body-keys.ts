import type { EndpointName } from '../../chat/endpoints.ts';
import { tool } from '../ollama/body-keys.ts';
import { type KnownKeys, knownKeys, withKnownKeys } from '../requests/known-keys.ts';

const toolCall = knownKeys('index id type', { function: knownKeys('name arguments') });
const message = knownKeys('role content reasoning name tool_call_id', { tool_calls: toolCall });
const generation = 'model stream max_tokens seed stop temperature top_p frequency_penalty presence_penalty keep_alive';
const streamOptions = knownKeys('include_usage');

const bodies: Readonly<Record<string, KnownKeys>> = {
  'openai.chat': knownKeys(`${generation} max_completion_tokens reasoning_effort logprobs top_logprobs`, {
    messages: message,
    tools: tool,
    stream_options: streamOptions,
    reasoning: knownKeys('effort'),
    response_format: knownKeys('type', { json_schema: knownKeys('schema') }),
  }),
  'openai.completions': knownKeys(`${generation} prompt suffix logprobs`, { stream_options: streamOptions }),
  'openai.embeddings': knownKeys('model input dimensions encoding_format keep_alive'),
};

/**
 * The body with its keys as Ollama's `/v1` reads them: whatever their case. OpenAI itself does not, but what is judged here is to
 * be what runs. The same body where nothing is to be changed.
 */
export function withExactKeys(endpoint: EndpointName, body: unknown): unknown {
  const known = bodies[endpoint];
  return known === undefined ? body : withKnownKeys(body, known);
}
