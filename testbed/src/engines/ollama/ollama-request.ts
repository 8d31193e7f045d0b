import type { Ask, Residence } from '../ask.ts';
import type { EngineCore } from '../engine-core.ts';
import type { CompiledModel, ModelCapability } from '../scripted-model.ts';
import { countTokens } from '../tokens.ts';
import { readKeepAliveMs } from './go-duration.ts';
import {
  type BodyText,
  checkGoField,
  type GoField,
  GoJsonError,
  type GoStruct,
  kindOf,
  readGoStruct,
} from './go-json.ts';
import { checkFormat, readRunnerOptions, readSampling } from './ollama-options.ts';
import { OllamaRefusal } from './ollama-refusal.ts';
import type { OllamaTraits } from './ollama-traits.ts';

/** A generate or chat call that was read and found right. */
export interface OllamaCall {
  readonly model: CompiledModel;
  readonly ask: Ask;
  readonly residence: Residence;
  readonly stream: boolean;
  /** No prompt: the model is only loaded, or unloaded. */
  readonly empty: boolean;
  readonly logprobs: boolean;
  readonly topLogprobs: number;
  /** The final object of generate carries the token context. */
  readonly withContext: boolean;
}

/** Stands for the host of Ollama's model registry, which its errors name. */
const REGISTRY = 'MODEL-REGISTRY';

const string: GoField = { kind: 'string', type: 'string' };
const bool: GoField = { kind: 'bool', type: 'bool' };
const number: GoField = { kind: 'number', type: 'int' };
const any: GoField = { kind: 'any', type: 'any' };
const options: GoField = { kind: 'object', type: 'map[string]interface {}' };

const generateFields: GoStruct = {
  model: string,
  prompt: string,
  suffix: string,
  system: string,
  template: string,
  context: { kind: 'array', type: '[]int' },
  stream: bool,
  raw: bool,
  images: { kind: 'array', type: '[]api.ImageData' },
  options,
  truncate: bool,
  logprobs: bool,
  top_logprobs: number,
  think: any,
};

const chatFields: GoStruct = {
  model: string,
  messages: { kind: 'array', type: '[]api.Message' },
  stream: bool,
  tools: { kind: 'array', type: 'api.Tools' },
  options,
  truncate: bool,
  logprobs: bool,
  top_logprobs: number,
  think: any,
};

type Body = Readonly<Record<string, unknown>>;

export function readGenerate(request: BodyText, core: EngineCore, traits: OllamaTraits): OllamaCall {
  const body = readGoStruct(request, 'GenerateRequest', generateFields);
  const head = readHead(body);
  const model = findModel(core, head.name);
  const raw = body.raw === true;
  if (raw && (body.template || body.system || isFilled(body.context))) {
    throw new OllamaRefusal(400, 'raw mode does not support template, system, or context');
  }
  const prompt = readText(body.prompt);
  const suffix = readText(body.suffix);
  const needs: ModelCapability[] = suffix === '' ? [] : ['insert'];
  checkCapabilities(model, head.name, 'generate', needs, head.think);
  checkImages(model, traits, body.images);
  const context = isFilled(body.context) ? `${body.context.join(' ')}\n` : '';
  const framed = raw ? prompt : `${context}system: ${readText(body.system)}\nuser: ${prompt}\nassistant: `;
  return toCall(core, body, head, model, {
    text: prompt,
    prompt: suffix === '' ? framed : `${framed}|${suffix}`,
    afterTool: false,
    tools: [],
    empty: prompt === '',
    withContext: !raw,
  });
}

export function readChat(request: BodyText, core: EngineCore, traits: OllamaTraits): OllamaCall {
  const body = readGoStruct(request, 'ChatRequest', chatFields);
  const head = readHead(body);
  const messages = readMessages(body.messages);
  if (head.name === '') throw new OllamaRefusal(400, 'model is required');
  const model = findModel(core, head.name);
  const tools = readToolNames(body.tools);
  checkCapabilities(model, head.name, 'chat', tools.length > 0 ? ['tools'] : [], head.think);
  for (const message of messages) checkImages(model, traits, message.images);
  const last = messages.at(-1);
  const spoken = messages.map((message) => `${message.role}: ${message.content}\n`).join('');
  const offered = tools.length > 0 ? `tools: ${JSON.stringify(body.tools)}\n` : '';
  return toCall(core, body, head, model, {
    text: messages.findLast((message) => message.role === 'user')?.content ?? '',
    prompt: `${offered}${spoken}assistant: `,
    afterTool: last?.role === 'tool',
    tools,
    empty: messages.length === 0,
    withContext: false,
  });
}

interface CallHead {
  readonly name: string;
  /** Undefined: the client said nothing. */
  readonly think: boolean | undefined;
  readonly keepAliveMs: number | undefined;
}

function readHead(body: Body): CallHead {
  const think = readThink(body.think);
  const keepAliveMs = readKeepAliveMs(body.keep_alive);
  const top = body.top_logprobs;
  if (typeof top === 'number' && (top < 0 || top > 20)) {
    throw new OllamaRefusal(400, 'top_logprobs must be between 0 and 20');
  }
  return { name: readText(body.model), think, keepAliveMs };
}

function toCall(
  core: EngineCore,
  body: Body,
  head: CallHead,
  model: CompiledModel,
  asked: Pick<Ask, 'text' | 'prompt' | 'afterTool' | 'tools'> & Pick<OllamaCall, 'empty' | 'withContext'>,
): OllamaCall {
  const { empty, withContext, text, prompt, afterTool, tools } = asked;
  const runner = readRunnerOptions(body.options);
  const sampling = readSampling(body.options);
  const formatted = checkFormat(body.format);
  const numCtx = core.residency.contextOf(model, runner.numCtx);
  if (body.truncate === false && countTokens(prompt) > numCtx) {
    throw new OllamaRefusal(400, 'the input length exceeds the context length');
  }
  return {
    model,
    ask: {
      model: head.name,
      prompt,
      prefixCached: true,
      text,
      afterTool,
      maxTokens: sampling.maxTokens,
      stop: sampling.stop,
      tools,
      toolChoice: 'auto',
      think: head.think ?? true,
      formatted,
    },
    residence: { numCtx: runner.numCtx, runner: runner.key, keepAliveMs: head.keepAliveMs },
    stream: body.stream !== false,
    empty,
    logprobs: body.logprobs === true,
    topLogprobs: typeof body.top_logprobs === 'number' ? body.top_logprobs : 0,
    withContext,
  };
}

/** The model, or Ollama's 404. */
export function findModel(core: EngineCore, name: string): CompiledModel {
  if (name.split('/').length > 4) throw new OllamaRefusal(400, 'invalid model name');
  const model = core.findModel(name);
  if (model === undefined) throw new OllamaRefusal(404, `model '${name}' not found`);
  return model;
}

function checkCapabilities(
  model: CompiledModel,
  name: string,
  call: 'chat' | 'generate',
  needs: readonly ModelCapability[],
  think: boolean | undefined,
): void {
  if (!model.can.has('completion')) throw new OllamaRefusal(400, `"${name}" does not support ${call}`);
  const missing = needs.find((need) => !model.can.has(need));
  if (missing !== undefined) {
    throw new OllamaRefusal(400, `${REGISTRY}/library/${model.name} does not support ${missing}`);
  }
  if (think === true && !model.can.has('thinking')) {
    throw new OllamaRefusal(400, `"${name}" does not support thinking`);
  }
}

function checkImages(model: CompiledModel, traits: OllamaTraits, images: unknown): void {
  if (!isFilled(images)) return;
  for (const image of images) {
    if (typeof image !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(image)) {
      throw new GoJsonError('illegal base64 data at input byte 0');
    }
  }
  // Older versions ignore what a model cannot see.
  if (model.can.has('vision') || !traits.modern) return;
  const message = 'Multimodal data provided, but model does not support multimodal requests.';
  throw new OllamaRefusal(400, JSON.stringify({ error: { code: 400, message, type: 'invalid_request_error' } }));
}

interface Message {
  readonly role: string;
  readonly content: string;
  readonly images: unknown;
}

function readMessages(value: unknown): readonly Message[] {
  if (!Array.isArray(value)) return [];
  return value.map((entry: unknown) => {
    const kind = kindOf(entry);
    if (kind !== 'object') {
      throw new GoJsonError(
        `json: cannot unmarshal ${kind} into Go struct field ChatRequest.messages of type api.Alias`,
      );
    }
    const { role, content, images } = entry as Body;
    checkGoField(role, string, 'ChatRequest.messages.role');
    checkGoField(content, string, 'ChatRequest.messages.content');
    return { role: readText(role).toLowerCase(), content: readText(content), images };
  });
}

function readToolNames(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [];
  return value.map((tool: unknown) => {
    const { function: declared } = (tool ?? {}) as { readonly function?: { readonly name?: unknown } };
    return readText(declared?.name);
  });
}

const THINK_LEVELS = new Set(['high', 'medium', 'low', 'max']);
const ALLOWED_THINK = '"high", "medium", "low", "max", true, or false';

function readThink(value: unknown): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string') throw new GoJsonError(`think must be a boolean or string (${ALLOWED_THINK})`);
  if (!THINK_LEVELS.has(value)) throw new GoJsonError(`invalid think value: "${value}" (must be ${ALLOWED_THINK})`);
  return true;
}

function readText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function isFilled(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length > 0;
}
