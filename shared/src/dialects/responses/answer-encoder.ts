import type { ChatEvent, TokenLogprob, Usage } from '../../chat/chat-event.ts';
import { foldEvents } from '../../chat/fold.ts';
import type { ToolCall } from '../../chat/generation-request.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import { writeLogprobs } from '../answers/logprobs.ts';
import type { AnswerEncoder } from '../dialect.ts';
import { publicMessage } from '../failures/public-status.ts';
import type { JsonObject } from '../json/json-value.ts';
import { callItem, messageItem, reasoningItem } from './output-items.ts';
import type { ReasoningForm } from './read-request.ts';
import type { OwnTools } from './tool-names.ts';

export interface ResponseEncoderOptions {
  /** The letters and digits behind `resp_`; part of the ids of the items, too. */
  readonly key: string;
  readonly createdAt: Date;
  /** What the response repeats of its request. */
  readonly echo: JsonObject;
  readonly tools: OwnTools;
  readonly reasoning: ReasoningForm;
  /** Called with the response as it ended, whichever way. */
  readonly ended: (response: JsonObject) => void;
  /** Milliseconds since 1970; the machine's clock unless told. */
  readonly now?: () => number;
}

export interface ResponseEncoder extends AnswerEncoder {
  /** The last event of a stream that failed. */
  encodeFailure(error: ClusterError): Uint8Array;
}

type OpenKind = 'text' | 'thinking';

/** An item that is being said. */
interface OpenItem {
  readonly kind: OpenKind;
  readonly id: string;
  text: string;
  logprobs: TokenLogprob[];
}

/** Writes events as OpenAI's Responses API does: every item opened, filled and closed in turn, every event counted. */
export function createResponseEncoder(options: ResponseEncoderOptions): ResponseEncoder {
  const { key, echo, tools, reasoning } = options;
  const now = options.now ?? Date.now;
  const output: JsonObject[] = [];
  let sequence = 0;
  let isBegun = false;
  let open: OpenItem | undefined;
  let thinkingLength = 0;
  let saidLength = 0;

  function event(type: string, fields: JsonObject): string {
    return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence++, ...fields })}\n\n`;
  }

  function toResponse(status: string, rest: JsonObject): JsonObject {
    return {
      id: `resp_${key}`,
      object: 'response',
      created_at: Math.floor(options.createdAt.getTime() / 1_000),
      status,
      completed_at: status === 'completed' ? Math.floor(now() / 1_000) : null,
      error: null,
      incomplete_details: null,
      ...echo,
      output: [...output],
      ...rest,
    };
  }

  function begin(): string {
    isBegun = true;
    const response = toResponse('in_progress', {});
    return event('response.created', { response }) + event('response.in_progress', { response });
  }

  function idOf(prefix: string): string {
    return `${prefix}_${key}${output.length}`;
  }

  function place(item: OpenItem): JsonObject {
    return { item_id: item.id, output_index: output.length };
  }

  function toItem({ kind, id, text, logprobs }: OpenItem, status: string): JsonObject {
    return kind === 'text'
      ? messageItem({ id, text, logprobs, status })
      : reasoningItem({ id, text, status, reasoning });
  }

  /** The part of an open item: a message has one, thinking has one in its summary or in its content. */
  function partNames(kind: OpenKind) {
    if (kind === 'text') return { text: 'output_text', part: 'content_part', index: 'content_index' } as const;
    return reasoning.asSummary
      ? ({ text: 'reasoning_summary_text', part: 'reasoning_summary_part', index: 'summary_index' } as const)
      : ({ text: 'reasoning_text', part: 'content_part', index: 'content_index' } as const);
  }

  function toPart(kind: OpenKind, text: string, logprobs: readonly TokenLogprob[]): JsonObject {
    if (kind === 'text') {
      return { type: 'output_text', annotations: [], logprobs: writeLogprobs(logprobs, 'openai'), text };
    }
    return { type: reasoning.asSummary ? 'summary_text' : 'reasoning_text', text };
  }

  function start(kind: OpenKind): string {
    const closed = close('completed');
    const item: OpenItem = { kind, id: idOf(kind === 'text' ? 'msg' : 'rs'), text: '', logprobs: [] };
    open = item;
    const names = partNames(kind);
    const added = kind === 'text' ? { ...toItem(item, 'in_progress'), content: [] } : emptyReasoning(item);
    return (
      closed +
      event('response.output_item.added', { output_index: output.length, item: added }) +
      event(`response.${names.part}.added`, { ...place(item), [names.index]: 0, part: toPart(kind, '', []) })
    );
  }

  function emptyReasoning(item: OpenItem): JsonObject {
    return { id: item.id, type: 'reasoning', status: 'in_progress', summary: [], content: [] };
  }

  function addTo(kind: OpenKind, text: string, logprobs: readonly TokenLogprob[]): string {
    if (text === '' && logprobs.length === 0) return '';
    const begun = open?.kind === kind ? '' : start(kind);
    if (open === undefined) return begun;
    open.text += text;
    for (const logprob of logprobs) open.logprobs.push(logprob);
    if (kind === 'text') saidLength += text.length;
    else thinkingLength += text.length;
    const names = partNames(kind);
    const extra = kind === 'text' ? { logprobs: writeLogprobs(logprobs, 'openai') } : {};
    return begun + event(`response.${names.text}.delta`, { ...place(open), [names.index]: 0, delta: text, ...extra });
  }

  function close(status: 'completed' | 'incomplete'): string {
    if (open === undefined) return '';
    const item = open;
    open = undefined;
    const names = partNames(item.kind);
    const at = { ...place(item), [names.index]: 0 };
    const extra = item.kind === 'text' ? { logprobs: writeLogprobs(item.logprobs, 'openai') } : {};
    const texts =
      event(`response.${names.text}.done`, { ...at, text: item.text, ...extra }) +
      event(`response.${names.part}.done`, { ...at, part: toPart(item.kind, item.text, item.logprobs) });
    const done = toItem(item, status);
    const text = texts + event('response.output_item.done', { output_index: output.length, item: done });
    output.push(done);
    return text;
  }

  function addCall(call: ToolCall): string {
    const closed = close('completed');
    const item = callItem(call, tools, idOf);
    const isCustom = item['type'] === 'custom_tool_call';
    const field = isCustom ? 'input' : 'arguments';
    const said = String(item[field]);
    saidLength += said.length;
    const at = { item_id: item['id'], output_index: output.length };
    const name = isCustom ? 'custom_tool_call_input' : 'function_call_arguments';
    const events =
      event('response.output_item.added', {
        output_index: output.length,
        item: { ...item, ...(isCustom ? {} : { status: 'in_progress' }), [field]: '' },
      }) +
      event(`response.${name}.delta`, { ...at, delta: said }) +
      event(`response.${name}.done`, { ...at, ...(isCustom ? {} : { name: item['name'] }), [field]: said }) +
      event('response.output_item.done', { output_index: output.length, item });
    output.push(item);
    return closed + events;
  }

  function toEnd(end: Extract<ChatEvent, { type: 'response-end' }>): {
    readonly type: string;
    readonly response: JsonObject;
  } {
    const usage = toUsage(end.usage, thinkingLength / Math.max(1, thinkingLength + saidLength));
    const reason = incompleteReasons.get(end.finishReason);
    const status = reason === undefined ? 'completed' : 'incomplete';
    const details = reason === undefined ? null : { reason };
    const response = toResponse(status, { usage, incomplete_details: details });
    options.ended(response);
    return { type: `response.${status}`, response };
  }

  function encodeEvent(given: ChatEvent): string {
    switch (given.type) {
      case 'text-delta':
        return addTo('text', given.text, given.logprobs ?? []);
      case 'thinking-delta':
        return addTo('thinking', given.text, []);
      case 'tool-call':
        return addCall(given.call);
      case 'response-end': {
        const closed = close(incompleteReasons.has(given.finishReason) ? 'incomplete' : 'completed');
        const { type, response } = toEnd(given);
        return closed + event(type, { response });
      }
      case 'embeddings':
        throw new ClusterError('internal', 'embeddings are no response');
    }
  }

  return {
    encode(events) {
      let text = isBegun ? '' : begin();
      for (const given of events) text += encodeEvent(given);
      return Buffer.from(text);
    },
    encodeWhole(events) {
      const { text, thinking, toolCalls, logprobs = [], end } = foldEvents(events);
      thinkingLength = thinking.length;
      saidLength = text.length + toolCalls.reduce((sum, call) => sum + call.arguments.length, 0);
      const status = incompleteReasons.has(end.finishReason) ? 'incomplete' : 'completed';
      const isThought = text === '' && toolCalls.length === 0;
      if (thinking !== '') {
        const thoughtStatus = isThought ? status : 'completed';
        output.push(reasoningItem({ id: idOf('rs'), text: thinking, status: thoughtStatus, reasoning }));
      }
      if (text !== '') output.push(messageItem({ id: idOf('msg'), text, logprobs, status }));
      for (const call of toolCalls) output.push(callItem(call, tools, idOf));
      return Buffer.from(`${JSON.stringify(toEnd(end).response)}\n`);
    },
    encodeFailure(error) {
      const begun = isBegun ? '' : begin();
      if (open !== undefined) output.push(toItem(open, 'incomplete'));
      const response = toResponse('failed', { error: { code: toErrorCode(error), message: publicMessage(error) } });
      options.ended(response);
      return Buffer.from(begun + event('response.failed', { response }));
    },
  };
}

const incompleteReasons: ReadonlyMap<string, string> = new Map([
  ['length', 'max_output_tokens'],
  ['content-filter', 'content_filter'],
]);

/** The few codes the API has for it. */
function toErrorCode({ code }: ClusterError): string {
  if (code === 'rate-limited') return 'rate_limit_exceeded';
  return code === 'bad-request' || code === 'context-length-exceeded' ? 'invalid_prompt' : 'server_error';
}

/** Engines do not count thinking by itself: its share of the text stands for its share of the tokens. */
function toUsage(usage: Usage | undefined, thinkingShare: number): JsonObject {
  const input = usage?.promptTokens ?? 0;
  const output = usage?.completionTokens ?? 0;
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: usage?.cachedTokens ?? 0, cache_write_tokens: 0 },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: Math.round(output * thinkingShare) },
    total_tokens: input + output,
  };
}
