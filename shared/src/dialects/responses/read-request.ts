import { isObject, type JsonObject } from '../json/json-value.ts';
import { withoutAbsent } from '../json/without-absent.ts';
import { toPassedOn } from '../requests/passed-on.ts';
import {
  needText,
  readFlag,
  readInteger,
  readList,
  readNumber,
  readObject,
  readText,
  toFields,
  wrongField,
} from '../requests/read-fields.ts';
import { badRequest, unsupported } from '../requests/unsupported.ts';
import { type KeptItems, readInput, toChatMessages } from './read-items.ts';
import { readTools } from './read-tools.ts';
import type { OwnTools } from './tool-names.ts';

export interface ResponsesRequest {
  /** The body of the chat. */
  readonly chat: JsonObject;
  /** The items of this request alone. */
  readonly input: readonly JsonObject[];
  readonly previousId: string | undefined;
  readonly store: boolean;
  readonly tools: OwnTools;
  readonly reasoning: ReasoningForm;
  readonly withLogprobs: boolean;
  /** What the response repeats of its request. */
  readonly echo: JsonObject;
}

/** How the client is shown what the model thought. */
export interface ReasoningForm {
  /** As the summary, which is what most clients look at; else as the text it is. There is nobody to shorten it. */
  readonly asSummary: boolean;
  /** With `encrypted_content`, for clients that keep no responses here. */
  readonly isSealed: boolean;
}

export interface ReadOptions extends KeptItems {
  /** Whether any place of the model would take a request to think. */
  readonly canThink: (model: string) => boolean;
}

const translated = [
  ...['model', 'input', 'instructions', 'tools', 'tool_choice', 'parallel_tool_calls', 'text', 'reasoning', 'include'],
  ...[
    'max_output_tokens',
    'temperature',
    'top_p',
    'top_logprobs',
    'stream',
    'previous_response_id',
    'store',
    'metadata',
  ],
];
/** Wishes about caches, accounts and upkeep of OpenAI's service; `max_tool_calls` counts tools that run there. */
const letGo = [
  ...['user', 'safety_identifier', 'prompt_cache_key', 'prompt_cache_retention', 'prompt_cache_options', 'truncation'],
  ...['service_tier', 'stream_options', 'max_tool_calls', 'client_metadata', 'access_programs', 'image'],
];
/** What is stored or done at OpenAI. */
const refused = ['background', 'conversation', 'prompt', 'context_management', 'moderation'];
const known: ReadonlySet<string> = new Set([...translated, ...letGo, ...refused]);

/** A body of `/v1/responses` as a chat of OpenAI's. Throws `bad-request` or `unsupported`, with the place in the message. */
export function readResponsesRequest(body: unknown, options: ReadOptions): ResponsesRequest {
  const fields = toFields(body, 'body');
  refuseStored(fields);
  const model = needText(fields, 'model');
  const previousId = readText(fields, 'previous_response_id');
  const input = readInput(fields, options);
  const before = previousId === undefined ? [] : options.before(previousId);
  const messages = toChatMessages([...before, ...input], readText(fields, 'instructions'));
  if (messages.every(({ role }) => role === 'system') && input.length === 0) {
    throw wrongField('input', 'is required');
  }
  const tools = readTools(fields);
  const text = readObject(fields, 'text') ?? {};
  const reasoning = readReasoning(fields, model, options);
  const include = readList(fields, 'include') ?? [];
  const topLogprobs = readInteger(fields, 'top_logprobs');
  const withLogprobs = include.includes('message.output_text.logprobs') || (topLogprobs ?? 0) > 0;
  const stream = readFlag(fields, 'stream') === true;
  return {
    chat: {
      ...toPassedOn(fields, known),
      model,
      stream,
      ...(stream ? { stream_options: { include_usage: true } } : {}),
      messages,
      ...withoutAbsent({
        max_tokens: readBound(fields),
        temperature: readNumber(fields, 'temperature'),
        top_p: readNumber(fields, 'top_p'),
        tools: tools.tools,
        tool_choice: tools.tools === undefined ? undefined : tools.choice,
        parallel_tool_calls: tools.tools === undefined ? undefined : readFlag(fields, 'parallel_tool_calls'),
        response_format: readFormat(text),
        verbosity: readText(text, 'verbosity', 'text'),
        logprobs: withLogprobs ? true : undefined,
        top_logprobs: withLogprobs ? topLogprobs : undefined,
      }),
      ...reasoning.chat,
    },
    input,
    previousId,
    store: readFlag(fields, 'store') !== false,
    tools: tools.own,
    reasoning: { asSummary: reasoning.asSummary, isSealed: include.includes('reasoning.encrypted_content') },
    withLogprobs,
    echo: { ...toEcho(fields, text), model, ...tools.echo, reasoning: reasoning.echo, top_logprobs: topLogprobs ?? 0 },
  };
}

function refuseStored(fields: JsonObject): void {
  for (const key of refused) {
    const value = fields[key];
    const asksFor = Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null && value !== false;
    if (asksFor) throw unsupported(key, `${key}: is not supported; responses are made while their client waits`);
  }
}

function readBound(fields: JsonObject): number | undefined {
  const bound = readInteger(fields, 'max_output_tokens');
  if (bound !== undefined && bound < 1) throw wrongField('max_output_tokens', 'must be at least 1');
  return bound;
}

function readFormat(text: JsonObject): JsonObject | undefined {
  const format = readObject(text, 'format', 'text');
  switch (format?.['type']) {
    case undefined:
      if (format === undefined) return undefined;
      throw wrongField('text.format.type', 'is required');
    case 'text':
      return undefined;
    case 'json_object':
      return { type: 'json_object' };
    case 'json_schema': {
      const { type: _type, ...described } = format;
      if (!isObject(described['schema'])) throw wrongField('text.format.schema', 'is required');
      return { type: 'json_schema', json_schema: { ...described, name: needText(format, 'name', 'text.format') } };
    }
    default:
      throw wrongField('text.format.type', 'must be "text", "json_object" or "json_schema"');
  }
}

const efforts: readonly unknown[] = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];

/** A wish to think goes where nobody would take it: coding clients have it for every model, and the response shows that it went. */
function readReasoning(fields: JsonObject, model: string, { canThink }: ReadOptions) {
  const reasoning = readObject(fields, 'reasoning') ?? {};
  const effort = readText(reasoning, 'effort', 'reasoning');
  const summary = readText(reasoning, 'summary', 'reasoning') ?? readText(reasoning, 'generate_summary', 'reasoning');
  if (effort !== undefined && !efforts.includes(effort)) {
    throw badRequest('reasoning.effort', `reasoning.effort: must be one of ${efforts.join(', ')}`);
  }
  const asSummary = summary !== undefined && summary !== 'none';
  const isTaken = effort !== undefined && (effort === 'none' || canThink(model));
  const isOn = effort !== 'none';
  return {
    chat: isTaken
      ? { reasoning_effort: effort, chat_template_kwargs: { enable_thinking: isOn, thinking: isOn } }
      : ({} as JsonObject),
    asSummary,
    echo: { effort: isTaken ? effort : null, summary: asSummary ? summary : null },
  };
}

/** Prompts longer than the context are refused, whatever `truncation` says: that much is said back. */
function toEcho(fields: JsonObject, text: JsonObject): JsonObject {
  return {
    instructions: readText(fields, 'instructions') ?? null,
    max_output_tokens: readInteger(fields, 'max_output_tokens') ?? null,
    max_tool_calls: readInteger(fields, 'max_tool_calls') ?? null,
    metadata: readObject(fields, 'metadata') ?? {},
    parallel_tool_calls: readFlag(fields, 'parallel_tool_calls') ?? true,
    previous_response_id: readText(fields, 'previous_response_id') ?? null,
    temperature: readNumber(fields, 'temperature') ?? null,
    top_p: readNumber(fields, 'top_p') ?? null,
    text: { ...text, format: text['format'] ?? { type: 'text' } },
    truncation: 'disabled',
    service_tier: 'default',
    background: false,
    store: readFlag(fields, 'store') !== false,
    access_programs: null,
    ...withoutAbsent({
      prompt_cache_key: readText(fields, 'prompt_cache_key'),
      safety_identifier: readText(fields, 'safety_identifier'),
      user: readText(fields, 'user'),
    }),
  };
}
