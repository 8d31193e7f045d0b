import type { TokenLogprob } from '../../chat/chat-event.ts';
import type { ToolCall } from '../../chat/generation-request.ts';
import { writeLogprobs } from '../answers/logprobs.ts';
import { type JsonObject, parseObject } from '../json/json-value.ts';
import type { ReasoningForm } from './read-request.ts';
import { toSealed } from './reasoning-item.ts';
import type { OwnTools } from './tool-names.ts';

export function messageItem(said: {
  readonly id: string;
  readonly text: string;
  readonly logprobs: readonly TokenLogprob[];
  readonly status: string;
}): JsonObject {
  const { id, text, logprobs, status } = said;
  const part = { type: 'output_text', annotations: [], logprobs: writeLogprobs(logprobs, 'openai'), text };
  return { id, type: 'message', status, role: 'assistant', content: [part] };
}

export function reasoningItem(thought: {
  readonly id: string;
  readonly text: string;
  readonly status: string;
  readonly reasoning: ReasoningForm;
}): JsonObject {
  const { id, text, status, reasoning } = thought;
  return {
    id,
    type: 'reasoning',
    status,
    summary: reasoning.asSummary ? [{ type: 'summary_text', text }] : [],
    content: reasoning.asSummary ? [] : [{ type: 'reasoning_text', text }],
    ...(reasoning.isSealed ? { encrypted_content: toSealed(text) } : {}),
  };
}

/** A call as its client knows the tool. A tool that was not in the request is a function. */
export function callItem(call: ToolCall, tools: OwnTools, makeId: (prefix: string) => string): JsonObject {
  const tool = tools.get(call.name) ?? { kind: 'function', name: call.name };
  const id = makeId(tool.kind === 'custom' ? 'ctc' : 'fc');
  const head = { id, call_id: call.id ?? `call_${id}`, name: tool.name };
  const named = tool.namespace === undefined ? head : { ...head, namespace: tool.namespace };
  if (tool.kind === 'custom') return { ...named, type: 'custom_tool_call', input: toInput(call.arguments) };
  return {
    ...named,
    type: 'function_call',
    status: 'completed',
    arguments: call.arguments.trim() === '' ? '{}' : call.arguments,
  };
}

/** What a model gives a custom tool: the one member it was asked for, or all it said. */
function toInput(text: string): string {
  const input = parseObject(text)?.['input'];
  return typeof input === 'string' ? input : text;
}
