import type { ChatEvent, FinishReason, ResponseEnd, Usage } from '../../chat/chat-event.ts';
import { foldEvents } from '../../chat/fold.ts';
import type { ToolCall } from '../../chat/generation-request.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import type { AnswerEncoder } from '../dialect.ts';
import { parseObject } from '../json/json-value.ts';

export interface MessageEncoderOptions {
  /** As the client wrote it. */
  readonly model: string;
  /** Becomes part of the ids. */
  readonly requestId: string;
  /** What is said of the prompt before the engine has counted it. */
  readonly promptTokens: number;
}

/**
 * Clients send thinking back with its signature, and some drop what has none. Nothing is sealed here, so it is the same for all.
 */
const signature = Buffer.from('waggle').toString('base64');

interface Stop {
  readonly stop_reason: string | null;
  readonly stop_sequence: string | null;
}

/** Writes events as Anthropic does: blocks in the order in which they came, each opened, filled and closed. */
export function createMessageEncoder(options: MessageEncoderOptions): AnswerEncoder {
  const id = `msg_${toId(options.requestId)}`;
  let isBegun = false;
  let hasToolUse = false;
  let index = -1;
  let open: 'text' | 'thinking' | undefined;

  function begin(): string {
    isBegun = true;
    const usage = toUsage({ promptTokens: options.promptTokens, completionTokens: 0 });
    const message = toMessage([], { stop_reason: null, stop_sequence: null, usage });
    return toEvent('message_start', { message }) + toEvent('ping', {});
  }

  function start(block: object): string {
    index++;
    return toEvent('content_block_start', { index, content_block: block });
  }

  function addTo(kind: 'text' | 'thinking', text: string): string {
    if (text === '') return '';
    const closed = open === kind ? '' : close();
    const begun = open === kind ? '' : start(kind === 'text' ? toTextBlock('') : toThinkingBlock('', ''));
    open = kind;
    return (
      closed +
      begun +
      delta(kind === 'text' ? { type: 'text_delta', text } : { type: 'thinking_delta', thinking: text })
    );
  }

  function delta(content: object): string {
    return toEvent('content_block_delta', { index, delta: content });
  }

  function close(): string {
    if (open === undefined) return '';
    const sealed = open === 'thinking' ? delta({ type: 'signature_delta', signature }) : '';
    open = undefined;
    return sealed + stopBlock();
  }

  function stopBlock(): string {
    return toEvent('content_block_stop', { index });
  }

  function encodeEvent(event: ChatEvent): string {
    switch (event.type) {
      case 'text-delta':
        return addTo('text', event.text);
      case 'thinking-delta':
        return addTo('thinking', event.text);
      case 'tool-call': {
        hasToolUse = true;
        const { call } = event;
        const closed = close();
        const begun = start({ ...toToolUse(call, options.requestId), input: {} });
        return closed + begun + delta({ type: 'input_json_delta', partial_json: argumentsOf(call) }) + stopBlock();
      }
      case 'response-end': {
        const said = { ...toStop(event, hasToolUse), stop_details: null, container: null };
        return (
          close() +
          toEvent('message_delta', { delta: said, usage: toDeltaUsage(event.usage) }) +
          toEvent('message_stop', {})
        );
      }
      case 'embeddings':
        throw new ClusterError('internal', 'embeddings are no message');
    }
  }

  function toMessage(content: readonly object[], rest: Stop & { readonly usage: object }) {
    return {
      id,
      type: 'message',
      role: 'assistant',
      model: options.model,
      content,
      container: null,
      diagnostics: null,
      stop_details: null,
      ...rest,
    };
  }

  return {
    encode(events) {
      let text = isBegun ? '' : begin();
      for (const event of events) text += encodeEvent(event);
      return Buffer.from(text);
    },
    encodeWhole(events) {
      const { text, thinking, toolCalls, end } = foldEvents(events);
      const content = [
        ...(thinking === '' ? [] : [toThinkingBlock(thinking, signature)]),
        ...(text === '' ? [] : [toTextBlock(text)]),
        ...toolCalls.map((call) => toToolUse(call, options.requestId)),
      ];
      const stop = toStop(end, toolCalls.length > 0);
      return Buffer.from(`${JSON.stringify(toMessage(content, { ...stop, usage: toUsage(end.usage) }))}\n`);
    },
  };
}

function toEvent(type: string, fields: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}

function toTextBlock(text: string): object {
  return { type: 'text', text, citations: null };
}

function toThinkingBlock(thinking: string, sealed: string): object {
  return { type: 'thinking', thinking, signature: sealed };
}

function toToolUse(call: ToolCall, requestId: string): object {
  return {
    type: 'tool_use',
    id: toId(call.id ?? `toolu_${requestId}_${call.index}`),
    name: call.name,
    input: parseObject(argumentsOf(call)),
    caller: { type: 'direct' },
  };
}

function argumentsOf(call: ToolCall): string {
  const text = call.arguments.trim() === '' ? '{}' : call.arguments.trim();
  if (parseObject(text) !== undefined) return text;
  throw new ClusterError('engine-failed', `the model called ${call.name} with arguments that are no JSON object`);
}

/** The letters that the ids of Anthropic's API are made of. */
function toId(text: string): string {
  return text.replaceAll(/[^\w-]/g, '_');
}

/** Few engines say which of the stop sequences it was, if any; without that it counts as the end of the turn. */
function toStop({ finishReason, stopSequence }: ResponseEnd, hasToolUse: boolean): Stop {
  const isNamed = finishReason === 'stop' && !hasToolUse && stopSequence !== undefined;
  if (isNamed) return { stop_reason: 'stop_sequence', stop_sequence: stopSequence };
  return { stop_reason: toStopReason(finishReason, hasToolUse), stop_sequence: null };
}

function toStopReason(reason: FinishReason, hasToolUse: boolean): string {
  if (reason === 'length') return 'max_tokens';
  if (reason === 'content-filter') return 'refusal';
  return hasToolUse || reason === 'tool-calls' ? 'tool_use' : 'end_turn';
}

/** Tokens that came from the engine's own cache are no input tokens here, but counted beside them. */
function toDeltaUsage(usage: Usage | undefined) {
  const cached = usage?.cachedTokens ?? 0;
  return {
    input_tokens: Math.max(0, (usage?.promptTokens ?? 0) - cached),
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cached,
    output_tokens: usage?.completionTokens ?? 0,
    output_tokens_details: null,
    server_tool_use: null,
  };
}

function toUsage(usage: Usage | undefined) {
  return { ...toDeltaUsage(usage), cache_creation: null, inference_geo: null, service_tier: null, speed: null };
}
