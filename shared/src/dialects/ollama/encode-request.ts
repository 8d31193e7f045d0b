import { type EndpointName, endpoints } from '../../chat/endpoints.ts';
import type {
  ChatMessage,
  ChatRequest,
  EmbeddingRequest,
  GenerationRequest,
  ResponseFormat,
  Sampling,
  TextRequest,
  ToolCall,
  ToolDefinition,
} from '../../chat/generation-request.ts';
import type { EncodedRequest, EncodeRequestOptions } from '../dialect.ts';
import { parseObject } from '../json/json-value.ts';
import { withoutAbsent } from '../json/without-absent.ts';
import { badRequest, unsupported } from '../requests/unsupported.ts';

/**
 * A request for an Ollama engine. For one that came to OpenAI's endpoints it is what Ollama's own `/v1` makes of it: temperature
 * and top_p 1 where nothing is said, a message of several parts as several messages. Different on purpose: too long a prompt is
 * refused (`truncate: false`) instead of cut, and the role `developer` is `system`, which templates know.
 *
 * Ollama cannot be made to call a tool (`tool_choice` required or by name), to give several answers at once (`n`; the
 * orchestrator asks for each by itself), to weigh tokens (`logit_bias`) or to repeat the prompt (`echo`): that is refused. To call one tool at a time (`parallel_tool_calls: false`) is a
 * wish that clients send with every request; it is let go, as Ollama's own `/v1` does. `strict` of tools and schemas is a promise
 * Ollama keeps for schemas and does not make for tools; it is not sent either.
 */
export function encodeRequest(request: GenerationRequest, options: EncodeRequestOptions = {}): EncodedRequest {
  switch (request.kind) {
    case 'chat':
      return { endpoint: 'ollama.chat', body: encodeChat(request, isFromOpenai(options)) };
    case 'generate':
      return { endpoint: 'ollama.generate', body: encodeText(request, isFromOpenai(options)) };
    case 'embedding':
      return encodeEmbedding(request, options.source);
  }
}

function isFromOpenai({ source }: EncodeRequestOptions): boolean {
  return source !== undefined && endpoints[source].dialect === 'openai';
}

function encodeChat(request: ChatRequest, fromOpenai: boolean): Record<string, unknown> {
  const { tools, toolChoice } = request;
  const hasTools = tools !== undefined && tools.length > 0;
  if (toolChoice === 'required' || typeof toolChoice === 'object') {
    throw unsupported('tool_choice', 'Ollama engines cannot be made to call a tool; only "auto" and "none" work there');
  }
  const messages = request.messages.flatMap((message) => encodeMessage(message, fromOpenai));
  return {
    ...encodeGeneration(request, fromOpenai),
    messages,
    ...(hasTools && toolChoice !== 'none' ? { tools: tools.map(encodeTool) } : {}),
  };
}

function encodeText(request: TextRequest, fromOpenai: boolean): Record<string, unknown> {
  const { prompt, suffix, system, template, images, raw, context, echo } = request;
  if (echo === true) throw unsupported('echo', 'Ollama engines cannot repeat the prompt');
  return {
    ...encodeGeneration(request, fromOpenai),
    prompt,
    ...withoutAbsent({ suffix, system, template, raw, context }),
    ...(images === undefined ? {} : { images: images.map(({ base64 }) => base64) }),
  };
}

function encodeGeneration(request: ChatRequest | TextRequest, fromOpenai: boolean): Record<string, unknown> {
  const { model, stream, sampling, format, think, logprobs, topLogprobs, shift, keepAlive } = request;
  if (topLogprobs !== undefined && (topLogprobs < 0 || topLogprobs > 20)) {
    throw badRequest('top_logprobs', 'top_logprobs must be between 0 and 20');
  }
  return {
    model,
    stream,
    options: encodeOptions(sampling, fromOpenai),
    ...withoutAbsent({
      format: encodeFormat(format),
      think,
      logprobs,
      top_logprobs: topLogprobs,
      shift,
      keep_alive: keepAlive,
    }),
    ...(fromOpenai ? { truncate: false } : {}),
  };
}

function encodeFormat(format: ResponseFormat | undefined): unknown {
  return format?.type === 'json-schema' ? format.schema : format?.type;
}

function encodeOptions(sampling: Sampling, fromOpenai: boolean): Record<string, unknown> {
  const { n, logitBias, options } = sampling;
  if (n !== undefined && n !== 1) throw unsupported('n', 'Ollama engines give one answer at a time; n must be 1');
  if (logitBias !== undefined && Object.keys(logitBias).length > 0) {
    throw unsupported('logit_bias', 'Ollama engines know no logit_bias');
  }
  return {
    ...options,
    ...withoutAbsent({
      num_predict: sampling.maxTokens,
      temperature: sampling.temperature ?? (fromOpenai ? 1 : undefined),
      top_p: sampling.topP ?? (fromOpenai ? 1 : undefined),
      top_k: sampling.topK,
      min_p: sampling.minP,
      typical_p: sampling.typicalP,
      seed: sampling.seed,
      stop: sampling.stop,
      frequency_penalty: sampling.frequencyPenalty,
      presence_penalty: sampling.presencePenalty,
      repeat_penalty: sampling.repeatPenalty,
      repeat_last_n: sampling.repeatLastN,
      num_ctx: sampling.numCtx,
    }),
  };
}

/** What belongs to the message as a whole goes with its last part. */
function encodeMessage(message: ChatMessage, fromOpenai: boolean): Record<string, unknown>[] {
  const role = roleOf(message.role);
  const whole = withoutAbsent({
    thinking: message.thinking,
    tool_calls: message.toolCalls?.map(encodeToolCall),
    tool_name: message.toolName,
    tool_call_id: message.toolCallId,
  });
  const { content } = message;
  if (fromOpenai && content.length > 1) {
    return content.map((part, index) => ({
      role,
      ...(part.type === 'text' ? { content: part.text } : { content: '', images: [part.image.base64] }),
      ...(index === content.length - 1 ? whole : {}),
    }));
  }
  const text = content.map((part) => (part.type === 'text' ? part.text : '')).join('');
  const images = content.flatMap((part) => (part.type === 'image' ? [part.image.base64] : []));
  return [{ role, content: text, ...(images.length === 0 ? {} : { images }), ...whole }];
}

function roleOf(role: string): string {
  if (role === 'developer') return 'system';
  return role === 'function' ? 'tool' : role;
}

function encodeToolCall(call: ToolCall): Record<string, unknown> {
  const parsed = parseObject(call.arguments.trim() === '' ? '{}' : call.arguments);
  if (parsed === undefined) throw badRequest('messages', 'invalid tool call arguments');
  return {
    ...(call.id === undefined ? {} : { id: call.id }),
    function: { index: call.index, name: call.name, arguments: parsed },
  };
}

function encodeTool(tool: ToolDefinition): Record<string, unknown> {
  const { name, description, parameters } = tool;
  return {
    type: 'function',
    function: { name, ...withoutAbsent({ description }), parameters: parameters ?? { type: 'object', properties: {} } },
  };
}

/** The older endpoint is kept for itself: its vectors are not normalised. */
function encodeEmbedding(request: EmbeddingRequest, source: EndpointName | undefined): EncodedRequest {
  const { model, input, dimensions, truncate, options, keepAlive } = request;
  const common = withoutAbsent({ options, keep_alive: keepAlive });
  const [first] = input;
  if (source === 'ollama.embeddings' && request.single && first !== undefined) {
    return { endpoint: 'ollama.embeddings', body: { model, prompt: first, ...common } };
  }
  return {
    endpoint: 'ollama.embed',
    body: { model, input: [...input], ...withoutAbsent({ dimensions, truncate }), ...common },
  };
}
