import type { EndpointName } from '../../chat/endpoints.ts';
import type {
  EmbeddingRequest,
  GenerationRequest,
  ResponseFormat,
  Sampling,
  TextRequest,
  ThinkLevel,
  ToolChoice,
  ToolDefinition,
} from '../../chat/generation-request.ts';
import { isFilled, isObject, type JsonObject, toArray, toNumber, toObject, toText } from '../json/json-value.ts';
import { withoutAbsent } from '../json/without-absent.ts';
import { decodeFunctionTool } from '../requests/function-tool.ts';
import { badRequest, unsupported } from '../requests/unsupported.ts';
import { decodeMessages } from './decode-messages.ts';
import { inspectRequest } from './inspect-request.ts';
import { refuseUntranslatable } from './untranslatable.ts';

/**
 * A request of OpenAI's API in no dialect. Refusals have the words of Ollama's own `/v1`, for an Ollama engine is what a
 * translated request goes to.
 */
export function decodeRequest(endpoint: EndpointName, body: unknown): GenerationRequest {
  inspectRequest(endpoint, body);
  const fields = toObject(body) ?? {};
  switch (endpoint) {
    case 'openai.chat':
      return decodeChat(fields);
    case 'openai.completions':
      return decodeCompletion(fields);
    default:
      return decodeEmbedding(fields);
  }
}

function decodeChat(fields: JsonObject): GenerationRequest {
  refuseUntranslatable(fields);
  return {
    kind: 'chat',
    ...decodeGeneration(fields),
    messages: decodeMessages(toArray(fields['messages']) ?? []),
    ...withoutAbsent({
      format: decodeFormat(fields),
      think: decodeThink(fields),
      logprobs: fields['logprobs'] === true ? true : undefined,
      topLogprobs: toNumber(fields['top_logprobs']),
      tools: decodeTools(fields['tools']),
      toolChoice: decodeToolChoice(fields['tool_choice']),
      parallelToolCalls: toFlag(fields['parallel_tool_calls']),
    }),
  };
}

function decodeCompletion(fields: JsonObject): TextRequest {
  refuseUntranslatable(fields);
  const bestOf = decodeCount(fields, 'best_of');
  if (bestOf !== undefined && bestOf > 1) {
    throw unsupported('best_of', 'the engine gives one answer at a time; best_of must be 1');
  }
  const logprobs = toNumber(fields['logprobs']);
  if (logprobs !== undefined && (logprobs < 0 || logprobs > 20)) {
    throw badRequest('logprobs', 'logprobs must be between 0 and 20');
  }
  return {
    kind: 'generate',
    ...decodeGeneration(fields),
    prompt: decodePrompt(fields['prompt']),
    ...withoutAbsent({
      suffix: isFilled(fields['suffix']) ? fields['suffix'] : undefined,
      format: decodeFormat(fields),
      logprobs: logprobs === undefined ? undefined : true,
      topLogprobs: logprobs,
      echo: fields['echo'] === true ? true : undefined,
    }),
  };
}

/** One text. A list of one is that one; more of them, or tokens, Ollama does not take. */
function decodePrompt(prompt: unknown): string {
  if (prompt === undefined || prompt === null) return '';
  const [only, ...more] = toArray(prompt) ?? [prompt];
  if (typeof only === 'string' && more.length === 0) return only;
  throw unsupported('prompt', 'the engine that serves this model takes one text as its prompt');
}

function decodeGeneration(fields: JsonObject) {
  const options = toObject(fields['stream_options']);
  const stream = fields['stream'] === true;
  return {
    model: toText(fields['model']) ?? '',
    stream,
    sampling: decodeSampling(fields),
    ...withoutAbsent({
      includeUsage: stream && options?.['include_usage'] === true ? true : undefined,
      keepAlive: toKeepAlive(fields['keep_alive']),
    }),
  };
}

function toKeepAlive(value: unknown): number | string | undefined {
  return typeof value === 'number' || typeof value === 'string' ? value : undefined;
}

/** With the names that vLLM, llama-server and LM Studio have for what OpenAI's API has not. */
function decodeSampling(fields: JsonObject): Sampling {
  return withoutAbsent({
    maxTokens: toNumber(fields['max_completion_tokens']) ?? toNumber(fields['max_tokens']),
    temperature: toNumber(fields['temperature']),
    topP: toNumber(fields['top_p']),
    topK: toNumber(fields['top_k']),
    minP: toNumber(fields['min_p']),
    typicalP: toNumber(fields['typical_p']),
    seed: toNumber(fields['seed']),
    stop: decodeStop(fields['stop']),
    frequencyPenalty: toNumber(fields['frequency_penalty']),
    presencePenalty: toNumber(fields['presence_penalty']),
    repeatPenalty: toNumber(fields['repetition_penalty']) ?? toNumber(fields['repeat_penalty']),
    repeatLastN: toNumber(fields['repeat_last_n']),
    n: decodeCount(fields, 'n'),
    logitBias: decodeLogitBias(fields['logit_bias']),
  });
}

/** How many answers; engines of the other family do not know the field, so nobody else would say that it is wrong. */
function decodeCount(fields: JsonObject, name: 'n' | 'best_of'): number | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1) return value;
  throw badRequest(name, `${name} must be a whole number of at least 1`);
}

function decodeStop(stop: unknown): readonly string[] | undefined {
  if (typeof stop === 'string') return [stop];
  const list = toArray(stop);
  if (list === undefined) return undefined;
  if (list.every((text) => typeof text === 'string')) return list;
  throw badRequest('stop', "invalid type for 'stop' field");
}

function decodeLogitBias(bias: unknown): Readonly<Record<string, number>> | undefined {
  if (bias === undefined || bias === null) return undefined;
  if (isObject(bias) && Object.values(bias).every((by) => typeof by === 'number')) {
    return bias as Readonly<Record<string, number>>;
  }
  throw badRequest('logit_bias', 'logit_bias must be an object of numbers by token');
}

function decodeFormat(fields: JsonObject): ResponseFormat | undefined {
  // vLLM's and llama-server's own names for it.
  const guided = fields['guided_json'] ?? fields['json_schema'];
  if (guided !== undefined && guided !== null) return { type: 'json-schema', schema: guided };
  const format = toObject(fields['response_format']);
  const type = toText(format?.['type'])?.trim().toLowerCase();
  if (type === 'json_object') return { type: 'json' };
  if (type === 'json_schema') {
    const described = toObject(format?.['json_schema']);
    if (described?.['schema'] === undefined) return undefined;
    return {
      type: 'json-schema',
      schema: described['schema'],
      ...withoutAbsent({ name: toText(described['name']), strict: toFlag(described['strict']) }),
    };
  }
  if (type === undefined || type === 'text') return undefined;
  throw unsupported('response_format', `response_format ${JSON.stringify(type)} cannot be translated`);
}

/** OpenAI's efforts, some clients' own, and the switch that vLLM and llama-server hand to the chat template. */
function decodeThink(fields: JsonObject): ThinkLevel | undefined {
  const effort = toObject(fields['reasoning'])?.['effort'] ?? fields['reasoning_effort'];
  switch (effort) {
    case undefined:
    case null:
    case '':
      return toFlag(toObject(fields['chat_template_kwargs'])?.['enable_thinking']);
    case 'none':
      return false;
    case 'minimal':
      return 'low';
    case 'low':
    case 'medium':
    case 'high':
    case 'max':
      return effort;
    case 'xhigh':
    case 'ultra':
      return 'max';
    default:
      throw badRequest(
        'reasoning_effort',
        `invalid reasoning value: ${JSON.stringify(effort)} (must be "minimal", "low", "medium", "high", "xhigh", "ultra", "max", or "none")`,
      );
  }
}

function decodeTools(value: unknown): readonly ToolDefinition[] | undefined {
  const tools = toArray(value);
  if (tools === undefined || tools.length === 0) return undefined;
  return tools.map((tool) => {
    const type = toObject(tool)?.['type'] ?? 'function';
    if (type !== 'function') throw unsupported('tools', `tools of type ${JSON.stringify(type)} cannot be translated`);
    return decodeFunctionTool(tool);
  });
}

function decodeToolChoice(choice: unknown): ToolChoice | undefined {
  if (choice === undefined || choice === null) return undefined;
  if (choice === 'none' || choice === 'auto' || choice === 'required') return choice;
  const name = toObject(toObject(choice)?.['function'])?.['name'];
  if (isFilled(name)) return { name };
  throw unsupported(
    'tool_choice',
    'tool_choice can be translated as "none", "auto", "required" or the name of a function',
  );
}

function decodeEmbedding(fields: JsonObject): EmbeddingRequest {
  const { input } = fields;
  const texts = typeof input === 'string' ? [input] : (toArray(input) ?? []);
  if (!texts.every((text) => typeof text === 'string')) throw unsupported('input', 'invalid input type');
  refuseUntranslatable(fields);
  const dimensions = toNumber(fields['dimensions']);
  const encoding = decodeEncoding(fields['encoding_format']);
  return {
    kind: 'embedding',
    model: toText(fields['model']) ?? '',
    input: texts,
    single: typeof input === 'string',
    ...withoutAbsent({
      dimensions: dimensions !== undefined && dimensions > 0 ? dimensions : undefined,
      encoding,
      keepAlive: toKeepAlive(fields['keep_alive']),
    }),
  };
}

function decodeEncoding(value: unknown): 'float' | 'base64' | undefined {
  if (!isFilled(value)) return undefined;
  return value.toLowerCase() === 'base64' ? 'base64' : 'float';
}

function toFlag(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}
