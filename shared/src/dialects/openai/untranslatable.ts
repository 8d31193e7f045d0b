import { isObject, type JsonObject } from '../json/json-value.ts';
import { unsupported } from '../requests/unsupported.ts';

/**
 * Parameters of OpenAI's API, vLLM and llama-server that change the answer and that an engine of the other family cannot be
 * given, with the values that ask for nothing. Absent, null, empty and false ask for nothing either, unless a list of their own is
 * here. What is in neither list of this file is unknown, and let go as Ollama lets it go.
 */
const lost: Readonly<Record<string, readonly unknown[]>> = {
  // OpenAI.
  functions: [],
  function_call: ['none', 'auto'],
  web_search_options: [],
  // vLLM.
  structured_outputs: [],
  guided_regex: [],
  guided_choice: [],
  guided_grammar: [],
  prompt_embeds: [],
  ignore_eos: [],
  min_tokens: [0],
  stop_token_ids: [],
  bad_words: [],
  allowed_token_ids: [],
  include_stop_str_in_output: [],
  skip_special_tokens: [true],
  add_generation_prompt: [true],
  continue_final_message: [],
  thinking_token_budget: [],
  length_penalty: [1],
  use_beam_search: [],
  prompt_logprobs: [],
  truncate_prompt_tokens: [],
  documents: [],
  chat_template: [],
  return_token_ids: [],
  // llama-server.
  grammar: [],
  mirostat: [0],
  dynatemp_range: [0],
  xtc_probability: [0],
  dry_multiplier: [0],
  top_n_sigma: [-1, 0],
  samplers: [],
  lora: [],
  t_max_predict_ms: [0, -1],
  n_indent: [0],
  return_tokens: [],
  reasoning_format: ['auto', 'deepseek'],
  thinking_budget_tokens: [-1],
  response_fields: [],
};

/** `false` is an answer of its own for these. */
const meantIfFalse: ReadonlySet<string> = new Set(['skip_special_tokens', 'add_generation_prompt']);

/*
 * Let go without a word, since nothing about the answer hangs on them:
 * - whose request it is and what becomes of it: user, metadata, store, service_tier, safety_identifier, request_id
 * - caches, slots and order of work: prompt_cache_key, cache_salt, cache_prompt, id_slot, priority, prediction
 * - extra figures in the answer, which are not part of it: timings_per_token, return_progress, sse_ping_interval, n_probs
 * - `audio`, which says how to speak, not to speak: that is `modalities`
 * And these, which are wishes that an engine may not know: parallel_tool_calls, verbosity.
 */

/** Throws `unsupported` for a parameter whose meaning would be lost on the way. */
export function refuseUntranslatable(fields: JsonObject): void {
  for (const param in fields) {
    if (Object.hasOwn(lost, param) && asksFor(param, fields[param])) {
      throw unsupported(param, `${param} cannot be translated for the engine that serves this model`);
    }
  }
  const { modalities } = fields;
  if (Array.isArray(modalities) && modalities.some((modality) => modality !== 'text')) {
    throw unsupported('modalities', 'only text can be answered');
  }
}

function asksFor(param: string, value: unknown): boolean {
  if (value === false) return meantIfFalse.has(param);
  if (value === undefined || value === null || value === '' || lost[param]?.includes(value) === true) return false;
  if (Array.isArray(value)) return value.length > 0;
  // OpenAI's way of asking for a search is an object that may be empty.
  return param === 'web_search_options' || !isObject(value) || Object.keys(value).length > 0;
}
