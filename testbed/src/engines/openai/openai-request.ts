import type { Ask } from '../ask.ts';
import type { EngineCore } from '../engine-core.ts';
import type { CompiledModel } from '../scripted-model.ts';
import { countTokens } from '../tokens.ts';
import { OpenAiRefusal } from './openai-refusal.ts';
import type { OpenAiTraits } from './openai-traits.ts';

/** A chat or text completion that was read and found right. */
export interface OpenAiCall {
  readonly model: CompiledModel;
  readonly ask: Ask;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** Undefined: none asked for. */
  readonly topLogprobs: number | undefined;
}

type Body = Readonly<Record<string, unknown>>;

/** The body as an object; the refusal of one that is not, or not JSON, in the flavour's words. */
export function readBody(text: string, body: unknown, traits: OpenAiTraits): Body {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Body;
  const words = {
    vllm: `[{'type': 'json_invalid', 'loc': ('body', ${text.length}), 'msg': 'JSON decode error', 'input': {}}]`,
    'llama-server': '[json.exception.parse_error.101] parse error: syntax error while parsing value',
    'lm-studio': 'Unexpected end of JSON input',
  };
  throw new OpenAiRefusal(400, words[traits.flavour]);
}

/** The model, found by its id. A llama-server has one and answers to any name. */
export function findModel(core: EngineCore, body: Body, traits: OpenAiTraits): CompiledModel {
  const name = typeof body.model === 'string' ? body.model : '';
  const model = traits.flavour === 'llama-server' || name === '' ? core.models[0] : core.findModel(name);
  if (model !== undefined) return model;
  if (traits.flavour === 'vllm') throw new OpenAiRefusal(404, `The model \`${name}\` does not exist.`, 'model');
  throw new OpenAiRefusal(404, `model '${name}' not found`);
}

export function readChat(text: string, parsed: unknown, core: EngineCore, traits: OpenAiTraits): OpenAiCall {
  const body = readBody(text, parsed, traits);
  if (!Array.isArray(body.messages)) throw new OpenAiRefusal(400, missing('messages', traits));
  const messages = body.messages.map(readMessage);
  const model = findModel(core, body, traits);
  const tools = readToolNames(body.tools);
  const offered = tools.length > 0 ? `tools: ${JSON.stringify(body.tools)}\n` : '';
  const spoken = messages.map((message) => `${message.role}: ${message.content}\n`).join('');
  return toCall(core, body, model, {
    prompt: `${offered}${spoken}assistant: `,
    text: messages.findLast((message) => message.role === 'user')?.content ?? '',
    afterTool: messages.at(-1)?.role === 'tool',
    tools,
    toolChoice: readToolChoice(body.tool_choice),
    think: wantsThinking(body),
    topLogprobs: body.logprobs === true ? readNumber(body.top_logprobs, 0) : undefined,
  });
}

export function readCompletion(text: string, parsed: unknown, core: EngineCore, traits: OpenAiTraits): OpenAiCall {
  const body = readBody(text, parsed, traits);
  if (body.prompt === undefined) throw new OpenAiRefusal(400, missing('prompt', traits));
  const prompt = Array.isArray(body.prompt) ? body.prompt.join(' ') : readText(body.prompt);
  return toCall(core, body, findModel(core, body, traits), {
    prompt,
    text: prompt,
    afterTool: false,
    tools: [],
    toolChoice: 'none',
    think: false,
    topLogprobs: typeof body.logprobs === 'number' ? body.logprobs : undefined,
  });
}

function toCall(
  core: EngineCore,
  body: Body,
  model: CompiledModel,
  asked: Omit<Ask, 'model' | 'prefixCached' | 'maxTokens' | 'stop' | 'formatted'> & Pick<OpenAiCall, 'topLogprobs'>,
): OpenAiCall {
  const { topLogprobs, ...ask } = asked;
  const context = core.residency.contextOf(model, undefined);
  const promptTokens = countTokens(ask.prompt);
  const limit = readNumber(body.max_completion_tokens, readNumber(body.max_tokens, Number.POSITIVE_INFINITY));
  if (promptTokens > context) throw new OpenAiRefusal(400, tooLong(context, promptTokens));
  return {
    model,
    ask: {
      ...ask,
      model: model.name,
      prefixCached: true,
      maxTokens: limit,
      stop: readStop(body.stop),
      formatted: readText(readObject(body.response_format).type).startsWith('json'),
    },
    stream: body.stream === true,
    includeUsage: readObject(body.stream_options).include_usage === true,
    topLogprobs,
  };
}

function tooLong(context: number, promptTokens: number): string {
  return `This model's maximum context length is ${context} tokens. However, you requested ${promptTokens} tokens (${promptTokens} in the messages, 0 in the completion). Please reduce the length of the messages or completion`;
}

function missing(field: string, traits: OpenAiTraits): string {
  if (traits.flavour !== 'vllm') return `'${field}' is required`;
  return `[{'type': 'missing', 'loc': ('body', '${field}'), 'msg': 'Field required', 'input': {}}]`;
}

function readMessage(value: unknown): { readonly role: string; readonly content: string } {
  const { role, content } = readObject(value);
  return { role: typeof role === 'string' ? role : 'user', content: readContent(content) };
}

function readContent(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part: unknown) => readText(readObject(part).text ?? '<image>')).join('');
}

function readToolNames(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [];
  return value.map((tool: unknown) => readText(readObject(readObject(tool).function).name));
}

function readToolChoice(value: unknown): Ask['toolChoice'] {
  if (value === 'none' || value === 'required') return value;
  const { name } = readObject(readObject(value).function);
  return typeof name === 'string' ? { name } : 'auto';
}

function wantsThinking(body: Body): boolean {
  return readObject(body.chat_template_kwargs).enable_thinking !== false && body.reasoning_effort !== 'none';
}

function readStop(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}

/** Nothing at all where there is no object. */
function readObject(value: unknown): Body {
  return typeof value === 'object' && value !== null ? (value as Body) : {};
}

export function readText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function readNumber(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}
