import type { EndpointName } from '../../chat/endpoints.ts';
import type { Capability } from '../../cluster/model.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import { parseGoDuration } from '../../streams/go-duration.ts';
import { checkFlag, checkInteger, checkNumber, checkText, wrongBody, wrongType } from '../json/go-json.ts';
import { isFilled, isNamed, isObject, type JsonObject } from '../json/json-value.ts';
import { countCharacters, imageTokens, toTokens } from '../requests/prompt-size.ts';
import type { RequestFacts } from '../requests/request-facts.ts';

const empty: JsonObject = {};

/**
 * Written out by hand: every request passes here, and a schema costs several times as much. The schemas are its test. What one
 * engine may take and another not (image addresses, lists of prompts, `n`) is left to the engine.
 */
export function inspectRequest(endpoint: EndpointName, body: unknown): RequestFacts {
  switch (endpoint) {
    case 'openai.chat':
      return inspectChat(toBody(body, 'ChatCompletionRequest'));
    case 'openai.completions':
      return inspectCompletion(toBody(body, 'CompletionRequest'));
    default:
      return inspectEmbeddings(toBody(body, 'EmbedRequest'));
  }
}

function toBody(body: unknown, type: string): JsonObject {
  if (isObject(body)) return body;
  if (body === null) return empty;
  throw wrongBody(body, `openai.${type}`);
}

function inspectChat(body: JsonObject): RequestFacts {
  const { model, messages, tools } = body;
  const struct = 'ChatCompletionRequest';
  checkText(model, `${struct}.model`);
  const prompt = measureMessages(messages);
  checkSampling(body, struct);
  checkInteger(body['max_completion_tokens'], 'ChatCompletionRequest.max_completion_tokens');
  checkFlag(body['logprobs'], 'ChatCompletionRequest.logprobs');
  checkInteger(body['top_logprobs'], 'ChatCompletionRequest.top_logprobs');
  checkTopLogprobs(body['top_logprobs']);
  const format = body['response_format'];
  if (format !== undefined && format !== null && !isObject(format)) {
    throw wrongType(format, 'ChatCompletionRequest.response_format', 'openai.ResponseFormat');
  }
  let { characters } = prompt;
  const needs: Capability[] = ['completion'];
  if (tools !== undefined && tools !== null) {
    if (!Array.isArray(tools)) throw wrongType(tools, 'ChatCompletionRequest.tools', '[]api.Tool');
    if (tools.length > 0 && body['tool_choice'] !== 'none') {
      needs.push('tools');
      characters += countCharacters(tools);
    }
  }
  if (prompt.images > 0) needs.push('vision');
  if (prompt.hasAudio) needs.push('audio');
  if (asksToThink(body)) needs.push('thinking');
  if (!isNamed(model)) throw modelRequired();
  return toFacts('openai.chat', model, body, {
    needs,
    promptTokens: toTokens(characters) + prompt.images * imageTokens,
    maxTokens: positive(body['max_completion_tokens']) ?? positive(body['max_tokens']),
    inputs: countAnswers(body),
  });
}

interface PromptMeasure {
  characters: number;
  images: number;
  hasAudio: boolean;
}

/** Characters a chat template puts around a message. */
const aroundMessage = 16;

function measureMessages(messages: unknown): PromptMeasure {
  if (messages !== undefined && messages !== null && !Array.isArray(messages)) {
    throw wrongType(messages, 'ChatCompletionRequest.messages', '[]openai.Message');
  }
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new ClusterError('bad-request', "[] is too short - 'messages'", { details: { param: 'messages' } });
  }
  const measure: PromptMeasure = { characters: 0, images: 0, hasAudio: false };
  for (const message of messages as unknown[]) {
    if (!isObject(message)) throw wrongType(message, 'ChatCompletionRequest.messages', 'openai.Message');
    const { role, content, tool_calls: toolCalls } = message;
    checkText(role, 'Message.messages.role');
    checkText(message['name'], 'Message.messages.name');
    checkText(message['tool_call_id'], 'Message.messages.tool_call_id');
    measure.characters += aroundMessage;
    if (typeof content === 'string') measure.characters += content.length;
    else if (content !== undefined && content !== null) measureParts(content, measure);
    if (typeof message['reasoning'] === 'string') measure.characters += message['reasoning'].length;
    if (toolCalls !== undefined && toolCalls !== null) {
      if (!Array.isArray(toolCalls)) throw wrongType(toolCalls, 'Message.messages.tool_calls', '[]openai.ToolCall');
      measure.characters += countCharacters(toolCalls);
    }
  }
  return measure;
}

function measureParts(content: unknown, measure: PromptMeasure): void {
  if (!Array.isArray(content)) {
    const type = isObject(content) ? 'map[string]interface {}' : typeof content === 'number' ? 'float64' : 'bool';
    throw new ClusterError('bad-request', `invalid message content type: ${type}`, { details: { param: 'messages' } });
  }
  for (const part of content as unknown[]) {
    if (!isObject(part)) {
      throw new ClusterError('bad-request', 'invalid message format', { details: { param: 'messages' } });
    }
    if (typeof part['text'] === 'string') measure.characters += part['text'].length;
    if (part['type'] === 'image_url') measure.images++;
    else if (part['type'] === 'input_audio') measure.hasAudio = true;
  }
}

function inspectCompletion(body: JsonObject): RequestFacts {
  const { model, suffix } = body;
  const struct = 'CompletionRequest';
  checkText(model, `${struct}.model`);
  checkText(suffix, 'CompletionRequest.suffix');
  checkSampling(body, struct);
  checkInteger(body['logprobs'], 'CompletionRequest.logprobs');
  const tokens = measurePrompt(body['prompt']);
  if (!isNamed(model)) throw modelNotFound(model);
  return toFacts('openai.completions', model, body, {
    needs: isFilled(suffix) ? ['completion', 'insert'] : ['completion'],
    promptTokens: tokens + (typeof suffix === 'string' ? toTokens(suffix.length) : 0),
    maxTokens: positive(body['max_tokens']),
    inputs: countAnswers(body) * countPrompts(body['prompt']),
  });
}

/** Tokens of a text, a list of texts, a list of tokens or several of those. */
function measurePrompt(prompt: unknown): number {
  if (prompt === undefined || prompt === null) return 0;
  if (typeof prompt === 'string') return toTokens(prompt.length);
  if (!Array.isArray(prompt)) throw wrongType(prompt, 'CompletionRequest.prompt', 'string');
  return countListed(prompt);
}

/** A list of tokens is one prompt. */
function countPrompts(prompt: unknown): number {
  return Array.isArray(prompt) && prompt.length > 1 && typeof prompt[0] !== 'number' ? prompt.length : 1;
}

/** What is no number of answers is left to whoever is asked for them. */
function countAnswers({ n }: JsonObject): number {
  return typeof n === 'number' && Number.isInteger(n) && n > 1 ? n : 1;
}

function countListed(list: readonly unknown[]): number {
  let tokens = 0;
  for (const item of list) {
    if (typeof item === 'string') tokens += toTokens(item.length);
    else tokens += Array.isArray(item) ? item.length : 1;
  }
  return tokens;
}

function inspectEmbeddings(body: JsonObject): RequestFacts {
  const { model, input, encoding_format: encoding } = body;
  checkText(model, 'EmbedRequest.model');
  checkText(encoding, 'EmbedRequest.encoding_format');
  checkInteger(body['dimensions'], 'EmbedRequest.dimensions');
  if (isFilled(encoding) && !/^(?:float|base64)$/i.test(encoding)) {
    throw new ClusterError(
      'bad-request',
      `Invalid value for 'encoding_format' = ${encoding}. Supported values: ['float', 'base64'].`,
      { details: { param: 'encoding_format' } },
    );
  }
  if (input === undefined || input === null || (Array.isArray(input) && input.length === 0)) throw wrongInput('');
  if (typeof input !== 'string' && !Array.isArray(input)) throw wrongInput(' type');
  if (!isNamed(model)) throw modelNotFound(model);
  const isTokens = typeof input !== 'string' && typeof input[0] === 'number';
  return toFacts('openai.embeddings', model, body, {
    needs: ['embedding'],
    promptTokens: typeof input === 'string' ? toTokens(input.length) : countListed(input),
    maxTokens: undefined,
    inputs: typeof input === 'string' || isTokens ? 1 : input.length,
  });
}

function wrongInput(what: string): ClusterError {
  return new ClusterError('bad-request', `invalid input${what}`, { details: { param: 'input' } });
}

/** What chat and completions have in common. */
function checkSampling(body: JsonObject, struct: string): void {
  checkFlag(body['stream'], `${struct}.stream`);
  checkInteger(body['max_tokens'], `${struct}.max_tokens`);
  checkInteger(body['seed'], `${struct}.seed`);
  const float = struct === 'CompletionRequest' ? 'float32' : 'float64';
  checkNumber(body['temperature'], `${struct}.temperature`, float);
  checkNumber(body['top_p'], `${struct}.top_p`, float);
  checkNumber(body['frequency_penalty'], `${struct}.frequency_penalty`, float);
  checkNumber(body['presence_penalty'], `${struct}.presence_penalty`, float);
  const options = body['stream_options'];
  if (options === undefined || options === null) return;
  if (!isObject(options)) throw wrongType(options, `${struct}.stream_options`, 'openai.StreamOptions');
  checkFlag(options['include_usage'], `${struct}.stream_options.include_usage`);
}

/** `reasoning_effort`, or the `reasoning.effort` of the responses API that some clients send here too. */
function asksToThink(body: JsonObject): boolean {
  checkText(body['reasoning_effort'], 'ChatCompletionRequest.reasoning_effort');
  const { reasoning } = body;
  if (reasoning !== undefined && reasoning !== null && !isObject(reasoning)) {
    throw wrongType(reasoning, 'ChatCompletionRequest.reasoning', 'openai.Reasoning');
  }
  if (isObject(reasoning)) checkText(reasoning['effort'], 'Reasoning.reasoning.effort');
  const effort = reasoning?.['effort'] ?? body['reasoning_effort'];
  return isFilled(effort) && effort !== 'none';
}

function checkTopLogprobs(value: unknown): void {
  if (typeof value !== 'number' || (value >= 0 && value <= 20)) return;
  throw new ClusterError('bad-request', 'top_logprobs must be between 0 and 20', {
    details: { param: 'top_logprobs' },
  });
}

interface OwnFacts {
  readonly needs: readonly Capability[];
  readonly promptTokens: number;
  readonly maxTokens: number | undefined;
  readonly inputs: number;
}

function toFacts(endpoint: EndpointName, model: string, body: JsonObject, own: OwnFacts): RequestFacts {
  const stream = body['stream'] === true && endpoint !== 'openai.embeddings';
  const options = body['stream_options'];
  const keepAliveSeconds = readKeepAlive(body['keep_alive']);
  return {
    endpoint,
    model,
    stream,
    action: 'run',
    needs: own.needs,
    promptTokens: own.promptTokens,
    ...(own.maxTokens === undefined ? {} : { maxTokens: own.maxTokens }),
    ...(keepAliveSeconds === undefined ? {} : { keepAliveSeconds }),
    inputs: own.inputs,
    includeUsage: stream && isObject(options) && options['include_usage'] === true,
  };
}

/** Not in OpenAI's API, but clients of Ollama send it here too; what is no duration is no wish. */
function readKeepAlive(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return undefined;
  const parsed = parseGoDuration(value);
  return parsed.ok ? parsed.seconds : undefined;
}

function positive(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 1 ? value : undefined;
}

function modelNotFound(model: unknown): ClusterError {
  const shown = typeof model === 'string' ? model : '';
  return new ClusterError('model-not-found', `model '${shown}' not found`, { details: { param: 'model' } });
}

function modelRequired(): ClusterError {
  return new ClusterError('bad-request', 'model is required', { details: { param: 'model' } });
}
