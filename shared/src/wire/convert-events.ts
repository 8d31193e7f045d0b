import type { ChatEvent, FinishReason, ResponseEnd, TextDelta, TokenLogprob } from '../chat/chat-event.ts';
import type { ToolCall } from '../chat/generation-request.ts';
import { fromWireTimings, fromWireUsage, toWireTimings, toWireUsage } from './convert-job.ts';
import { toCount } from './counts.ts';
import { FrameWriter, maxTextBytes } from './frame-writer.ts';
import * as wire from './generated/waggle/v1/answer.ts';

const finishReasons: readonly FinishReason[] = ['stop', 'length', 'tool-calls', 'content-filter', 'load', 'unload'];

/** An AnswerEvents message. */
export function encodeEvents(events: readonly ChatEvent[]): Uint8Array {
  const [first] = events;
  if (events.length === 1 && first !== undefined && isPlainDelta(first)) return encodePlainDelta(first);
  return wire.AnswerEvents.encode({ events: events.map(toWireEvent) }).finish();
}

/** Events of kinds this version does not know are left out. */
export function decodeEvents(bytes: Uint8Array): ChatEvent[] {
  const events: ChatEvent[] = [];
  for (const { kind } of wire.AnswerEvents.decode(bytes).events) {
    if (kind !== undefined) events.push(fromWireEvent(kind));
  }
  return events;
}

type PlainDelta = Extract<ChatEvent, { readonly text: string }>;

function isPlainDelta(event: ChatEvent): event is PlainDelta {
  return event.type === 'thinking-delta' || (event.type === 'text-delta' && event.logprobs === undefined);
}

/** Nearly every batch of a stream is one short text; by hand it costs a third. */
function encodePlainDelta({ type, text }: PlainDelta): Uint8Array {
  const inner = new FrameWriter(8 + maxTextBytes(text));
  if (type === 'thinking-delta') {
    inner.string(18, text);
  } else {
    const delta = new FrameWriter(maxTextBytes(text));
    delta.string(10, text);
    inner.bytes(10, delta.finish());
  }
  const event = inner.finish();
  const whole = new FrameWriter(8 + event.byteLength);
  whole.bytes(10, event);
  return whole.finish();
}

function toWireEvent(event: ChatEvent): wire.AnswerEvent {
  switch (event.type) {
    case 'text-delta':
      return { kind: { $case: 'text', value: toWireText(event) } };
    case 'thinking-delta':
      return { kind: { $case: 'thinking', value: event.text } };
    case 'tool-call':
      return { kind: { $case: 'toolCall', value: toWireCall(event.call) } };
    case 'embeddings':
      return {
        kind: { $case: 'embeddings', value: { vectors: event.vectors.map((values) => ({ values: [...values] })) } },
      };
    case 'response-end':
      return { kind: { $case: 'end', value: toWireResponseEnd(event) } };
  }
}

function fromWireEvent(kind: NonNullable<wire.AnswerEvent['kind']>): ChatEvent {
  switch (kind.$case) {
    case 'text': {
      const { text, logprobs } = kind.value;
      return {
        type: 'text-delta',
        text,
        ...(logprobs === undefined ? {} : { logprobs: logprobs.tokens.map(fromWireLogprob) }),
      };
    }
    case 'thinking':
      return { type: 'thinking-delta', text: kind.value };
    case 'toolCall':
      return { type: 'tool-call', call: fromWireCall(kind.value) };
    case 'embeddings':
      return { type: 'embeddings', vectors: kind.value.vectors.map(({ values }) => values) };
    case 'end':
      return fromWireResponseEnd(kind.value);
  }
}

function toWireText({ text, logprobs }: TextDelta): wire.TextDelta {
  return { text, logprobs: logprobs === undefined ? undefined : { tokens: logprobs.map(toWireLogprob) } };
}

function toWireLogprob({ token, logprob, bytes, topLogprobs }: TokenLogprob): wire.TokenLogprob {
  return {
    token,
    logprob,
    bytes: bytes === undefined ? undefined : Uint8Array.from(bytes),
    top: topLogprobs === undefined ? undefined : { tokens: topLogprobs.map(toWireLogprob) },
  };
}

function fromWireLogprob({ token, logprob, bytes, top }: wire.TokenLogprob): TokenLogprob {
  return {
    token,
    logprob,
    ...(bytes === undefined ? {} : { bytes: [...bytes] }),
    ...(top === undefined ? {} : { topLogprobs: top.tokens.map(fromWireLogprob) }),
  };
}

function toWireCall({ index, id, name, arguments: text }: ToolCall): wire.ToolCall {
  return { index: toCount(index), id, name, arguments: text };
}

function fromWireCall({ index, id, name, arguments: text }: wire.ToolCall): ToolCall {
  return { index, ...(id === undefined ? {} : { id }), name, arguments: text };
}

function toWireResponseEnd({ finishReason, usage, timings, context, stopSequence }: ResponseEnd): wire.ResponseEnd {
  return {
    finishReason,
    usage: usage === undefined ? undefined : toWireUsage(usage),
    timings: timings === undefined ? undefined : toWireTimings(timings),
    context: context === undefined ? undefined : { tokens: context.map(Math.trunc) },
    stopSequence,
  };
}

function fromWireResponseEnd({ finishReason, usage, timings, context, stopSequence }: wire.ResponseEnd): ResponseEnd {
  return {
    type: 'response-end',
    finishReason: finishReasons.find((known) => known === finishReason) ?? 'stop',
    ...(usage === undefined ? {} : { usage: fromWireUsage(usage) }),
    ...(timings === undefined ? {} : { timings: fromWireTimings(timings) }),
    ...(context === undefined ? {} : { context: context.tokens }),
    ...(stopSequence === undefined ? {} : { stopSequence }),
  };
}
