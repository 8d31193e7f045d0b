import type { EndpointName } from '../../chat/endpoints.ts';
import type { StartOptions } from '../../cluster/job.ts';
import type { Capability } from '../../cluster/model.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import { checkFlag, checkInteger, checkNumber, checkText, wrongBody, wrongType } from '../json/go-json.ts';
import { isFilled, isNamed, isObject, type JsonObject } from '../json/json-value.ts';
import { countCharacters, imageTokens, toTokens } from '../requests/prompt-size.ts';
import type { RequestFacts } from '../requests/request-facts.ts';
import { checkFormat, checkTopLogprobs, readKeepAlive, readThink } from './field-values.ts';
import { checkOptions, readStartOptions } from './options.ts';

const mapType = 'map[string]interface {}';
const empty: JsonObject = {};

/** Written out by hand: every request passes here, and a schema costs several times as much. The schemas are its test. */
export function inspectRequest(endpoint: EndpointName, body: unknown): RequestFacts {
  switch (endpoint) {
    case 'ollama.chat':
      return inspectChat(toBody(body, 'ChatRequest'));
    case 'ollama.generate':
      return inspectGenerate(toBody(body, 'GenerateRequest'));
    case 'ollama.embed':
      return inspectEmbed(toBody(body, 'EmbedRequest'));
    default:
      return inspectEmbeddings(toBody(body, 'EmbeddingRequest'));
  }
}

function toBody(body: unknown, type: string): JsonObject {
  if (isObject(body)) return body;
  if (body === null) return empty;
  throw wrongBody(body, `api.${type}`);
}

function inspectChat(body: JsonObject): RequestFacts {
  const { model, messages, tools } = body;
  checkText(model, 'ChatRequest.model');
  const prompt = measureMessages(messages);
  let characters = prompt.characters;
  const common = inspectCommon(body, 'ChatRequest');
  const needs: Capability[] = ['completion'];
  if (tools !== undefined && tools !== null) {
    if (!Array.isArray(tools)) throw wrongType(tools, 'ChatRequest.tools', 'api.Tools');
    if (tools.length > 0) {
      needs.push('tools');
      characters += countCharacters(tools);
    }
  }
  if (prompt.images > 0) needs.push('vision');
  if (common.thinks) needs.push('thinking');
  if (!isNamed(model)) throw modelRequired();
  const isEmpty = prompt.count === 0;
  if (!isEmpty) checkFormat(body['format']);
  return toFacts('ollama.chat', model, common, {
    stream: body['stream'] !== false,
    isEmpty,
    needs,
    promptTokens: toTokens(characters) + prompt.images * imageTokens,
    inputs: 1,
  });
}

interface PromptMeasure {
  readonly count: number;
  readonly characters: number;
  readonly images: number;
}

const noPrompt: PromptMeasure = { count: 0, characters: 0, images: 0 };
/** Characters a chat template puts around a message. */
const aroundMessage = 16;

function measureMessages(messages: unknown): PromptMeasure {
  if (messages === undefined || messages === null) return noPrompt;
  if (!Array.isArray(messages)) throw wrongType(messages, 'ChatRequest.messages', '[]api.Message');
  let characters = 0;
  let images = 0;
  for (const message of messages as unknown[]) {
    if (!isObject(message)) {
      if (message === null) continue;
      throw wrongType(message, 'ChatRequest.messages', 'api.Alias');
    }
    const { role, content, thinking, tool_calls: toolCalls } = message;
    checkText(role, 'ChatRequest.messages.role');
    characters += aroundMessage;
    if (typeof content === 'string') characters += content.length;
    else checkText(content, 'ChatRequest.messages.content');
    if (typeof thinking === 'string') characters += thinking.length;
    else checkText(thinking, 'ChatRequest.messages.thinking');
    checkText(message['tool_name'], 'ChatRequest.messages.tool_name');
    checkText(message['tool_call_id'], 'ChatRequest.messages.tool_call_id');
    if (message['images'] !== undefined) images += countImages(message['images'], 'ChatRequest.messages.images');
    if (toolCalls !== undefined && toolCalls !== null) {
      if (!Array.isArray(toolCalls)) throw wrongType(toolCalls, 'ChatRequest.messages.tool_calls', '[]api.ToolCall');
      characters += countCharacters(toolCalls);
    }
  }
  return { count: messages.length, characters, images };
}

function countImages(images: unknown, place: string): number {
  if (images === undefined || images === null) return 0;
  if (!Array.isArray(images)) throw wrongType(images, place, '[]api.ImageData');
  for (const image of images as unknown[]) {
    if (typeof image !== 'string' && image !== null) throw wrongType(image, place, 'api.ImageData');
  }
  return images.length;
}

function inspectGenerate(body: JsonObject): RequestFacts {
  const { model, prompt, suffix, system, template, context, raw } = body;
  checkText(model, 'GenerateRequest.model');
  checkText(prompt, 'GenerateRequest.prompt');
  checkText(suffix, 'GenerateRequest.suffix');
  checkText(system, 'GenerateRequest.system');
  checkText(template, 'GenerateRequest.template');
  checkFlag(raw, 'GenerateRequest.raw');
  const contextTokens = countContext(context);
  const images = countImages(body['images'], 'GenerateRequest.images');
  const common = inspectCommon(body, 'GenerateRequest');
  if (!isNamed(model)) throw modelNotFound(model);
  const isEmpty = !isFilled(prompt);
  if (raw === true && !(isEmpty && common.keepAliveSeconds === 0)) checkRaw(template, system, contextTokens);
  if (!isEmpty) checkFormat(body['format']);
  const needs: Capability[] = ['completion'];
  if (isFilled(suffix)) needs.push('insert');
  if (images > 0) needs.push('vision');
  if (common.thinks) needs.push('thinking');
  const characters = lengthOf(prompt) + lengthOf(suffix) + lengthOf(system) + lengthOf(template);
  return toFacts('ollama.generate', model, common, {
    stream: body['stream'] !== false,
    isEmpty,
    needs,
    promptTokens: toTokens(characters) + contextTokens + images * imageTokens,
    inputs: 1,
  });
}

function checkRaw(template: unknown, system: unknown, contextTokens: number): void {
  if (!isFilled(template) && !isFilled(system) && contextTokens === 0) return;
  throw new ClusterError('bad-request', 'raw mode does not support template, system, or context', {
    details: { param: 'raw' },
  });
}

function countContext(context: unknown): number {
  if (context === undefined || context === null) return 0;
  if (!Array.isArray(context)) throw wrongType(context, 'GenerateRequest.context', '[]int');
  for (const token of context as unknown[]) checkInteger(token, 'GenerateRequest.context');
  return context.length;
}

function inspectEmbed(body: JsonObject): RequestFacts {
  const { model, input } = body;
  checkText(model, 'EmbedRequest.model');
  checkFlag(body['truncate'], 'EmbedRequest.truncate');
  checkInteger(body['dimensions'], 'EmbedRequest.dimensions');
  const common = inspectCommon(body, 'EmbedRequest');
  if (!isNamed(model)) throw modelNotFound(model);
  const texts = toTexts(input);
  let characters = 0;
  for (const text of texts) characters += text.length;
  return toFacts('ollama.embed', model, common, {
    stream: false,
    isEmpty: texts.length === 0,
    needs: ['embedding'],
    promptTokens: toTokens(characters),
    inputs: Math.max(1, texts.length),
  });
}

/** The texts to embed; none for an absent or empty input. Throws `bad-request` with Ollama's text. */
export function toTexts(input: unknown): readonly string[] {
  if (input === undefined || input === null || input === '') return [];
  if (typeof input === 'string') return [input];
  if (Array.isArray(input) && input.every((text) => typeof text === 'string')) return input;
  throw new ClusterError('bad-request', 'invalid input type', { details: { param: 'input' } });
}

function inspectEmbeddings(body: JsonObject): RequestFacts {
  const { model, prompt } = body;
  checkText(model, 'EmbeddingRequest.model');
  checkText(prompt, 'EmbeddingRequest.prompt');
  const common = inspectCommon(body, 'EmbeddingRequest');
  if (!isNamed(model)) throw modelRequired();
  return toFacts('ollama.embeddings', model, common, {
    stream: false,
    isEmpty: !isFilled(prompt),
    needs: ['embedding'],
    promptTokens: toTokens(lengthOf(prompt)),
    inputs: 1,
  });
}

interface CommonFacts {
  readonly keepAliveSeconds: number | undefined;
  readonly maxTokens: number | undefined;
  readonly numCtx: number | undefined;
  readonly startOptions: StartOptions | undefined;
  readonly thinks: boolean;
}

/** Fields that several endpoints have. Ollama ignores on one endpoint what belongs to another. */
function inspectCommon(body: JsonObject, struct: string): CommonFacts {
  const { options } = body;
  if (typeof body['keep_alive'] === 'number') checkNumber(body['keep_alive'], `${struct}.keep_alive`);
  const keepAliveSeconds = readKeepAlive(body['keep_alive']);
  let maxTokens: number | undefined;
  let numCtx: number | undefined;
  let startOptions: StartOptions | undefined;
  if (options !== undefined && options !== null) {
    if (!isObject(options)) throw wrongType(options, `${struct}.options`, mapType);
    checkOptions(options, `${struct}.options`);
    maxTokens = positive(options['num_predict']);
    numCtx = positive(options['num_ctx']);
    startOptions = readStartOptions(options);
  }
  let thinks = false;
  if (struct === 'ChatRequest' || struct === 'GenerateRequest') {
    const think = readThink(body['think']);
    thinks = think !== undefined && think !== false;
    checkFlag(body['stream'], `${struct}.stream`);
    checkFlag(body['truncate'], `${struct}.truncate`);
    checkFlag(body['shift'], `${struct}.shift`);
    checkFlag(body['logprobs'], `${struct}.logprobs`);
    checkInteger(body['top_logprobs'], `${struct}.top_logprobs`);
    checkTopLogprobs(body['top_logprobs']);
  }
  return { keepAliveSeconds, maxTokens, numCtx, startOptions, thinks };
}

interface OwnFacts {
  readonly stream: boolean;
  readonly isEmpty: boolean;
  readonly needs: readonly Capability[];
  readonly promptTokens: number;
  readonly inputs: number;
}

function toFacts(endpoint: EndpointName, model: string, common: CommonFacts, own: OwnFacts): RequestFacts {
  const { keepAliveSeconds, maxTokens, numCtx, startOptions } = common;
  const { stream, isEmpty, needs, promptTokens, inputs } = own;
  return {
    endpoint,
    model,
    stream,
    action: isEmpty ? (keepAliveSeconds === 0 ? 'unload' : 'load') : 'run',
    needs,
    promptTokens,
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(numCtx === undefined ? {} : { numCtx }),
    ...(startOptions === undefined ? {} : { startOptions }),
    ...(keepAliveSeconds === undefined ? {} : { keepAliveSeconds }),
    inputs,
    includeUsage: false,
  };
}

function positive(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 1 ? Math.trunc(value) : undefined;
}

function lengthOf(value: unknown): number {
  return typeof value === 'string' ? value.length : 0;
}

function modelRequired(): ClusterError {
  return new ClusterError('bad-request', 'model is required', { details: { param: 'model' } });
}

function modelNotFound(model: unknown): ClusterError {
  return new ClusterError('model-not-found', `model '${typeof model === 'string' ? model : ''}' not found`);
}
