import type { EndpointName } from '../../chat/endpoints.ts';
import type {
  ChatMessage,
  ContentPart,
  EmbeddingRequest,
  GenerationRequest,
  ImageData,
  ResponseFormat,
  Sampling,
  ToolDefinition,
} from '../../chat/generation-request.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import { firstBadBase64 } from '../json/base64.ts';
import { wrongType } from '../json/go-json.ts';
import { isFilled, isObject, type JsonObject, toArray, toNumber, toObject, toText } from '../json/json-value.ts';
import { withoutAbsent } from '../json/without-absent.ts';
import { decodeFunctionTool } from '../requests/function-tool.ts';
import { badRequest, unsupported } from '../requests/unsupported.ts';
import { toToolCall } from './event-reader.ts';
import { readThink } from './field-values.ts';
import { inspectRequest, toTexts } from './inspect-request.ts';

/**
 * A request of Ollama's API in no dialect. What Ollama itself would refuse is refused here with its words; `truncate` is
 * not carried: engines of the other family refuse a prompt that is too long in words, which is what there is to know about it.
 */
export function decodeRequest(endpoint: EndpointName, body: unknown): GenerationRequest {
  inspectRequest(endpoint, body);
  const fields = toObject(body) ?? {};
  if (fields['_debug_render_only'] === true) {
    throw unsupported('_debug_render_only', 'the engine cannot show the rendered prompt');
  }
  switch (endpoint) {
    case 'ollama.chat':
      return {
        kind: 'chat',
        ...decodeGeneration(fields),
        messages: (toArray(fields['messages']) ?? []).filter(isObject).map(decodeMessage),
        ...withoutAbsent({ tools: decodeTools(fields['tools']) }),
      };
    case 'ollama.generate':
      return { kind: 'generate', ...decodeGeneration(fields), ...decodePrompt(fields) };
    default:
      return decodeEmbedding(endpoint, fields);
  }
}

function decodeGeneration(fields: JsonObject) {
  return {
    ...decodeBase(fields),
    stream: fields['stream'] !== false,
    sampling: decodeSampling(toObject(fields['options']) ?? {}),
    ...withoutAbsent({
      format: decodeFormat(fields['format']),
      think: readThink(fields['think']),
      logprobs: fields['logprobs'] === true ? true : undefined,
      topLogprobs: toNumber(fields['top_logprobs']),
      shift: typeof fields['shift'] === 'boolean' ? fields['shift'] : undefined,
    }),
  };
}

function decodeBase(fields: JsonObject): { readonly model: string; readonly keepAlive?: number | string } {
  const keepAlive = fields['keep_alive'];
  return {
    model: toText(fields['model']) ?? '',
    ...(typeof keepAlive === 'number' || typeof keepAlive === 'string' ? { keepAlive } : {}),
  };
}

function decodePrompt(fields: JsonObject) {
  const context = toArray(fields['context'])?.filter((token) => typeof token === 'number');
  const images = decodeImages(fields['images']);
  return {
    prompt: toText(fields['prompt']) ?? '',
    ...withoutAbsent({
      suffix: filled(fields['suffix']),
      system: filled(fields['system']),
      template: filled(fields['template']),
      images: images.length === 0 ? undefined : images,
      raw: fields['raw'] === true ? true : undefined,
      context: context === undefined || context.length === 0 ? undefined : context,
    }),
  };
}

function decodeMessage(message: JsonObject): ChatMessage {
  const text = message['content'];
  const content: ContentPart[] = isFilled(text) ? [{ type: 'text', text }] : [];
  for (const image of decodeImages(message['images'])) content.push({ type: 'image', image });
  const calls = toArray(message['tool_calls']) ?? [];
  return {
    role: (toText(message['role']) ?? '').toLowerCase(),
    content,
    ...withoutAbsent({
      thinking: filled(message['thinking']),
      toolCalls: calls.length === 0 ? undefined : calls.map(decodeToolCall),
      toolCallId: filled(message['tool_call_id']),
      toolName: filled(message['tool_name']),
    }),
  };
}

function decodeToolCall(call: unknown, index: number) {
  const named = toObject(toObject(call)?.['function']);
  const place = 'ChatRequest.messages.tool_calls';
  if (named === undefined) throw wrongType(call, place, 'api.ToolCall');
  const given = named['arguments'];
  if (given !== undefined && given !== null && !isObject(given)) {
    throw badRequest('messages', 'tool call arguments must be an object');
  }
  if (!isFilled(named['name'])) throw badRequest('messages', 'a tool call needs the name of its function');
  return toToolCall(call, index);
}

function decodeImages(value: unknown): ImageData[] {
  return (toArray(value) ?? []).filter(isFilled).map((base64) => {
    const bad = firstBadBase64(base64);
    if (bad !== -1) throw badRequest('images', `illegal base64 data at input byte ${bad}`);
    return { base64 };
  });
}

function decodeTools(value: unknown): readonly ToolDefinition[] | undefined {
  const tools = toArray(value);
  if (tools === undefined || tools.length === 0) return undefined;
  return tools.map(decodeFunctionTool);
}

function decodeFormat(format: unknown): ResponseFormat | undefined {
  if (format === 'json') return { type: 'json' };
  return isObject(format) ? { type: 'json-schema', schema: format } : undefined;
}

/** Options with a name of their own in both families. */
const sharedOptions: Readonly<Record<string, keyof Sampling>> = {
  num_predict: 'maxTokens',
  temperature: 'temperature',
  top_p: 'topP',
  top_k: 'topK',
  min_p: 'minP',
  typical_p: 'typicalP',
  seed: 'seed',
  stop: 'stop',
  frequency_penalty: 'frequencyPenalty',
  presence_penalty: 'presencePenalty',
  repeat_penalty: 'repeatPenalty',
  repeat_last_n: 'repeatLastN',
  num_ctx: 'numCtx',
};

function decodeSampling(options: JsonObject): Sampling {
  const sampling: Record<string, unknown> = {};
  const rest: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    if (value === null) continue;
    const shared = Object.hasOwn(sharedOptions, name) ? sharedOptions[name] : undefined;
    if (shared === undefined) rest[name] = value;
    // num_predict -1 (no bound) and -2 (fill the context) are no bound.
    else if (shared !== 'maxTokens' || (typeof value === 'number' && value >= 0)) sampling[shared] = value;
  }
  if (Object.keys(rest).length > 0) sampling['options'] = rest;
  return sampling;
}

function decodeEmbedding(endpoint: EndpointName, fields: JsonObject): EmbeddingRequest {
  const isLegacy = endpoint === 'ollama.embeddings';
  const input = isLegacy ? toTexts(fields['prompt']) : toTexts(fields['input']);
  const options = toObject(fields['options']);
  if (input.length === 0) throw new ClusterError('bad-request', 'nothing to embed', { details: { param: 'input' } });
  return {
    kind: 'embedding',
    ...decodeBase(fields),
    input,
    single: isLegacy || typeof fields['input'] === 'string',
    ...withoutAbsent({
      dimensions: positive(fields['dimensions']),
      truncate: typeof fields['truncate'] === 'boolean' ? fields['truncate'] : undefined,
      options: options === undefined || Object.keys(options).length === 0 ? undefined : options,
    }),
  };
}

function positive(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 ? value : undefined;
}

function filled(value: unknown): string | undefined {
  return isFilled(value) ? value : undefined;
}
