import type { JsonObject } from '../json/json-value.ts';
import { wrongField } from './read-fields.ts';

/**
 * What a translation makes itself, or what would make the engine answer in a way that nobody reads: a request of another API
 * does not set these.
 */
const ownKeys: ReadonlySet<string> = new Set([
  ...['model', 'messages', 'prompt', 'input', 'stream', 'stream_options', 'n', 'best_of', 'echo', 'suffix', 'stop'],
  ...[
    'max_tokens',
    'max_completion_tokens',
    'logprobs',
    'top_logprobs',
    'response_format',
    'functions',
    'function_call',
  ],
  ...['tools', 'tool_choice', 'parallel_tool_calls', 'reasoning', 'reasoning_effort', 'modalities', 'audio'],
]);

/**
 * The keys of a body that its API does not have: they are the engine's (`seed`, `min_p`, `keep_alive`, …) and go on to it, where those
 * it cannot be given are refused. `known`: the keys the reader of the API saw to. Throws `bad-request` for what could only be a mistake.
 */
export function toPassedOn(fields: JsonObject, known: ReadonlySet<string>): JsonObject {
  const passed: Record<string, unknown> = {};
  for (const key in fields) {
    if (known.has(key)) continue;
    if (ownKeys.has(key) || !/^[a-z][a-z\d_]{0,63}$/.test(key)) throw wrongField(key, 'is no parameter of this API');
    passed[key] = fields[key];
  }
  return passed;
}
