import type {
  ChatRequest,
  EmbeddingRequest,
  GenerationRequest,
  ResponseFormat,
  Sampling,
  TextRequest,
  ThinkLevel,
  ToolChoice,
  ToolDefinition,
} from '../../chat/generation-request.ts';
import type { EncodedRequest, EncodeRequestOptions } from '../dialect.ts';
import { isObject } from '../json/json-value.ts';
import { withoutAbsent } from '../json/without-absent.ts';
import { unsupported } from '../requests/unsupported.ts';
import { encodeContent, encodeMessages } from './encode-messages.ts';

/**
 * A request for an engine with OpenAI's API (vLLM, llama-server, LM Studio and the like). A templated prompt becomes a chat, a
 * raw one or one with a suffix a completion.
 *
 * - Penalties and samplers go under the names vLLM and llama-server have for them; `repeat_penalty` under both.
 * - What belongs to Ollama's runner (num_ctx, num_batch, num_gpu, num_thread, ...) is not the engine's to change and is left
 *   out; that the context is long enough the scheduler has seen to. So are options no engine of this family knows: Ollama
 *   ignores unknown options as well.
 * - `think` true or false goes to the chat template (`enable_thinking`, `thinking`), where vLLM and llama-server look for it; a
 *   level goes as `reasoning_effort` too, `max` as `high`.
 * - keep_alive is the orchestrator's.
 */
export function encodeRequest(request: GenerationRequest, options: EncodeRequestOptions = {}): EncodedRequest {
  switch (request.kind) {
    case 'chat':
      return { endpoint: 'openai.chat', body: encodeChat(request) };
    case 'generate': {
      const isPlain = request.raw === true || request.suffix !== undefined || options.source === 'openai.completions';
      return isPlain
        ? { endpoint: 'openai.completions', body: encodeCompletion(request) }
        : { endpoint: 'openai.chat', body: encodeTextAsChat(request) };
    }
    case 'embedding':
      return encodeEmbedding(request);
  }
}

function encodeChat(request: ChatRequest): Record<string, unknown> {
  const { tools, toolChoice, parallelToolCalls } = request;
  const hasTools = tools !== undefined && tools.length > 0;
  return {
    ...encodeGeneration(request),
    messages: encodeMessages(request.messages),
    ...encodeChatSettings(request),
    ...(hasTools ? { tools: tools.map(encodeTool) } : {}),
    ...withoutAbsent({ tool_choice: encodeToolChoice(toolChoice), parallel_tool_calls: parallelToolCalls }),
  };
}

function encodeTextAsChat(request: TextRequest): Record<string, unknown> {
  const { prompt, system, template, images, context, echo } = request;
  if (template !== undefined) throw unsupported('template', 'the engine uses the template of the model');
  if (context !== undefined)
    throw unsupported('context', 'the engine keeps no token context; send the conversation to /api/chat');
  if (echo === true) throw unsupported('echo', 'only a raw prompt can be repeated');
  const parts = [
    { type: 'text' as const, text: prompt },
    ...(images ?? []).map((image) => ({ type: 'image' as const, image })),
  ];
  return {
    ...encodeGeneration(request),
    messages: [
      ...(system === undefined ? [] : [{ role: 'system', content: system }]),
      { role: 'user', content: encodeContent(parts) },
    ],
    ...encodeChatSettings(request),
  };
}

function encodeCompletion(request: TextRequest): Record<string, unknown> {
  const { prompt, suffix, system, template, images, context, think, echo, format, logprobs, topLogprobs } = request;
  const chatOnly = { system, template, images, context, think: think === false ? undefined : think };
  for (const [param, value] of Object.entries(chatOnly)) {
    if (value !== undefined)
      throw unsupported(param, `${param} cannot go with a raw prompt or a suffix on this engine`);
  }
  return {
    ...encodeGeneration(request),
    prompt,
    ...withoutAbsent({ suffix, echo }),
    ...encodeCompletionFormat(format),
    ...(logprobs === true ? { logprobs: Math.max(1, topLogprobs ?? 1) } : {}),
  };
}

function encodeGeneration(request: ChatRequest | TextRequest): Record<string, unknown> {
  const { model, stream, sampling, shift } = request;
  if (shift === true) throw unsupported('shift', 'the engine ends an answer where its context ends; leave shift out');
  return {
    model,
    stream,
    // The token counts are wanted in any case; who did not ask for them is not sent the chunk.
    ...(stream ? { stream_options: { include_usage: true } } : {}),
    ...encodeSampling(sampling),
  };
}

function encodeChatSettings(request: ChatRequest | TextRequest): Record<string, unknown> {
  const { format, think, logprobs, topLogprobs } = request;
  return {
    ...(format === undefined ? {} : { response_format: encodeFormat(format) }),
    ...encodeThink(think),
    ...withoutAbsent({ logprobs, top_logprobs: logprobs === true ? topLogprobs : undefined }),
  };
}

function encodeThink(think: ThinkLevel | undefined): Record<string, unknown> {
  if (think === undefined) return {};
  const isOn = think !== false;
  return {
    chat_template_kwargs: { enable_thinking: isOn, thinking: isOn },
    ...(typeof think === 'string' ? { reasoning_effort: think === 'max' ? 'high' : think } : {}),
  };
}

function encodeFormat(format: ResponseFormat): Record<string, unknown> {
  if (format.type === 'json') return { type: 'json_object' };
  const { schema, name, strict } = format;
  return { type: 'json_schema', json_schema: { name: name ?? 'response', schema, strict: strict ?? true } };
}

/** vLLM takes `response_format` for completions as well; llama-server overlooks it there and takes `json_schema`. */
function encodeCompletionFormat(format: ResponseFormat | undefined): Record<string, unknown> {
  if (format === undefined) return {};
  const schema = format.type === 'json' ? { type: 'object' } : format.schema;
  return { response_format: encodeFormat(format), json_schema: schema };
}

/** Options without a place in `Sampling` that llama-server knows, and their names there. */
const engineOptions: Readonly<Record<string, string>> = {
  num_keep: 'n_keep',
  mirostat: 'mirostat',
  mirostat_tau: 'mirostat_tau',
  mirostat_eta: 'mirostat_eta',
  tfs_z: 'tfs_z',
};

function encodeSampling(sampling: Sampling): Record<string, unknown> {
  const body: Record<string, unknown> = {
    ...withoutAbsent({
      max_tokens: sampling.maxTokens,
      temperature: sampling.temperature,
      top_p: sampling.topP,
      top_k: sampling.topK,
      min_p: sampling.minP,
      typical_p: sampling.typicalP,
      // Ollama's -1 means: a different one each time, which is what no seed means here.
      seed: sampling.seed !== undefined && sampling.seed >= 0 ? sampling.seed : undefined,
      stop: sampling.stop,
      frequency_penalty: sampling.frequencyPenalty,
      presence_penalty: sampling.presencePenalty,
      repetition_penalty: sampling.repeatPenalty,
      repeat_penalty: sampling.repeatPenalty,
      repeat_last_n: sampling.repeatLastN,
      logit_bias: sampling.logitBias,
      n: sampling.n,
    }),
  };
  for (const [name, value] of Object.entries(sampling.options ?? {})) {
    const known = Object.hasOwn(engineOptions, name) ? engineOptions[name] : undefined;
    if (known !== undefined) body[known] = value;
  }
  return body;
}

function encodeTool(tool: ToolDefinition): Record<string, unknown> {
  const { name, description, parameters, strict } = tool;
  return {
    type: 'function',
    function: {
      name,
      ...withoutAbsent({ description, strict }),
      parameters: isObject(parameters) ? parameters : { type: 'object', properties: {} },
    },
  };
}

function encodeToolChoice(choice: ToolChoice | undefined): unknown {
  return typeof choice === 'object' ? { type: 'function', function: { name: choice.name } } : choice;
}

/**
 * Numbers are asked for, whatever the client wants: they become events first. For fewer of them the engine is not asked: many
 * overlook it or refuse it, and Ollama's API says how a vector is shortened, so that it can be done afterwards.
 */
function encodeEmbedding(request: EmbeddingRequest): EncodedRequest {
  const { model, input, dimensions } = request;
  return {
    endpoint: 'openai.embeddings',
    body: { model, input: [...input], encoding_format: 'float' },
    ...(dimensions === undefined ? {} : { vectors: { isBase64: false, dimensions, ifLonger: 'cut' } }),
  };
}
