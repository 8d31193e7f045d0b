import type {
  ChatRequest,
  ResponseFormat,
  Sampling,
  ThinkLevel,
  ToolChoice,
  ToolDefinition,
} from '../../chat/generation-request.ts';
import type { JsonObject } from '../json/json-value.ts';
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
import { unsupported } from '../requests/unsupported.ts';
import { readBlocks } from './read-content.ts';
import { combineTurns, readMessages, readSystem } from './read-messages.ts';

export interface MessagesRequest {
  readonly chat: ChatRequest;
  /** Keys that are the engine's. */
  readonly passedOn: JsonObject;
}

const translated = [
  ...['model', 'messages', 'system', 'max_tokens', 'stream', 'stop_sequences', 'temperature', 'top_p', 'top_k'],
  ...['tools', 'tool_choice', 'thinking', 'output_config', 'output_format'],
];
/**
 * Wishes about caches, accounts, places and upkeep of Anthropic's service: nothing about an answer from here hangs on them. Engines
 * keep the prompts they can by themselves, without `cache_control`.
 */
const letGo = [
  ...['metadata', 'cache_control', 'service_tier', 'diagnostics', 'inference_geo', 'speed', 'user_profile_id'],
  ...['workspace_id', 'context_management', 'betas'],
];
/** What runs on Anthropic's machines. */
const refused = ['container', 'mcp_servers', 'fallbacks'];
const known: ReadonlySet<string> = new Set([...translated, ...letGo, ...refused]);

/**
 * A body of `/v1/messages` in no dialect. Throws `bad-request` or `unsupported`, with the place in the message. Of `thinking` and
 * `output_config.effort` the switch and the level count, budgets and forms of display do not.
 */
export function readMessagesRequest(body: unknown, { countsOnly }: { readonly countsOnly: boolean }): MessagesRequest {
  const fields = toFields(body, 'body');
  for (const key of refused) {
    const value = fields[key];
    const asksFor = Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null;
    if (asksFor) throw unsupported(key, `${key}: works on Anthropic's service only`);
  }
  const model = needText(fields, 'model');
  const system = readSystem(readBlocks(fields['system'], 'system'), 'system');
  const messages = readMessages(readList(fields, 'messages') ?? []);
  const tools = readTools(fields);
  const choice = readObject(fields, 'tool_choice');
  const toolChoice = choice && readToolChoice(choice);
  if (tools === undefined && toolChoice !== undefined && toolChoice !== 'auto' && toolChoice !== 'none') {
    throw wrongField('tool_choice', 'there are no tools to choose from');
  }
  const maxTokens = readInteger(fields, 'max_tokens');
  if (!countsOnly && maxTokens === undefined) throw wrongField('max_tokens', 'is required');
  if (maxTokens !== undefined && maxTokens < 1) throw wrongField('max_tokens', 'must be at least 1');
  return {
    chat: {
      kind: 'chat',
      model,
      stream: readFlag(fields, 'stream') === true,
      messages: combineTurns(system.length === 0 ? messages : [{ role: 'system', content: system }, ...messages]),
      sampling: readSampling(fields, maxTokens),
      ...withoutAbsent({
        tools,
        ...(tools === undefined ? {} : { toolChoice, parallelToolCalls: readParallel(choice) }),
        think: readThink(fields),
        format: readFormat(fields),
      }),
    },
    passedOn: toPassedOn(fields, known),
  };
}

function readSampling(fields: JsonObject, maxTokens: number | undefined): Sampling {
  return withoutAbsent({
    maxTokens,
    temperature: readNumber(fields, 'temperature'),
    topP: readNumber(fields, 'top_p'),
    topK: readInteger(fields, 'top_k'),
    stop: readStop(fields),
  });
}

function readStop(fields: JsonObject): readonly string[] | undefined {
  const stop = readList(fields, 'stop_sequences');
  if (stop === undefined || stop.length === 0) return undefined;
  if (stop.every((text) => typeof text === 'string' && text !== '')) return stop as readonly string[];
  throw wrongField('stop_sequences', 'must be a list of texts that are not empty');
}

function readTools(fields: JsonObject): readonly ToolDefinition[] | undefined {
  const tools = readList(fields, 'tools');
  if (tools === undefined || tools.length === 0) return undefined;
  return tools.map((item, index) => {
    const path = `tools.${index}`;
    const tool = toFields(item, path);
    const type = readText(tool, 'type', path) ?? 'custom';
    if (type !== 'custom') {
      throw unsupported(
        `${path}.type`,
        `${path}.type: ${JSON.stringify(type)} is a tool of Anthropic's service; only tools with an input_schema of their own are supported`,
      );
    }
    const parameters = readObject(tool, 'input_schema', path);
    if (parameters === undefined) throw wrongField(`${path}.input_schema`, 'is required');
    return {
      name: needText(tool, 'name', path),
      parameters,
      ...withoutAbsent({
        description: readText(tool, 'description', path),
        strict: readFlag(tool, 'strict', path),
      }),
    };
  });
}

function readParallel(choice: JsonObject | undefined): boolean | undefined {
  const isDisabled = choice && readFlag(choice, 'disable_parallel_tool_use', 'tool_choice');
  return isDisabled === true ? false : undefined;
}

function readToolChoice(choice: JsonObject): ToolChoice {
  switch (choice['type']) {
    case 'auto':
    case 'none':
      return choice['type'];
    case 'any':
      return 'required';
    case 'tool':
      return { name: needText(choice, 'name', 'tool_choice') };
    default:
      throw wrongField('tool_choice.type', 'must be "auto", "any", "tool" or "none"');
  }
}

/** An effort alone turns no thinking on. */
function readThink(fields: JsonObject): ThinkLevel | undefined {
  const thinking = readObject(fields, 'thinking');
  const effort = readText(readObject(fields, 'output_config') ?? {}, 'effort', 'output_config');
  switch (thinking?.['type']) {
    case undefined:
      if (thinking === undefined) return undefined;
      throw wrongField('thinking.type', 'is required');
    case 'disabled':
      return false;
    case 'enabled':
    case 'adaptive':
    case 'between_tools':
      break;
    default:
      throw wrongField('thinking.type', 'must be "enabled", "disabled", "adaptive" or "between_tools"');
  }
  switch (effort) {
    case undefined:
      return true;
    case 'low':
    case 'medium':
    case 'high':
    case 'max':
      return effort;
    case 'xhigh':
      return 'max';
    default:
      throw wrongField('output_config.effort', 'must be "low", "medium", "high", "xhigh" or "max"');
  }
}

/** `output_format` is the older place of it. */
function readFormat(fields: JsonObject): ResponseFormat | undefined {
  const config = readObject(fields, 'output_config') ?? {};
  const format = readObject(config, 'format', 'output_config') ?? readObject(fields, 'output_format');
  if (format === undefined) return undefined;
  if (format['type'] !== 'json_schema') throw wrongField('output_config.format.type', 'must be "json_schema"');
  const schema = readObject(format, 'schema', 'output_config.format');
  if (schema === undefined) throw wrongField('output_config.format.schema', 'is required');
  return { type: 'json-schema', schema };
}
