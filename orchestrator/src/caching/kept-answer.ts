import { type AnswerBatch, batchKind, type NativeBatch, toTypedBatch } from '@waggle/shared/chat/answer-batch.ts';
import type { ChatEvent, Usage } from '@waggle/shared/chat/chat-event.ts';
import { type EndpointName, endpoints } from '@waggle/shared/chat/endpoints.ts';
import { dialects } from '@waggle/shared/dialects/dialects.ts';

/** An answer as it can be given again. */
export interface KeptAnswer {
  readonly endpoint: EndpointName;
  /** It came as a stream; what is native in it is framed as one. */
  readonly stream: boolean;
  /** All of it in one batch of either form, which has the end. */
  readonly batch: AnswerBatch;
  /** Name of the node that made it. */
  readonly node: string | undefined;
  readonly usage: Usage | undefined;
}

/** All batches of an answer as one; undefined for a mixture, which no engine makes. */
export function joinBatches(batches: readonly AnswerBatch[]): AnswerBatch | undefined {
  let kinds = 0;
  let deltas = 0;
  for (const batch of batches) {
    kinds |= batch.kinds;
    deltas += batch.deltas;
  }
  if ((kinds & batchKind.end) === 0) return undefined;
  if (batches.every((batch) => batch.form === 'native')) {
    return { form: 'native', kinds, deltas, bytes: Buffer.concat(batches.map(({ bytes }) => bytes)) };
  }
  if (batches.every((batch) => batch.form === 'events')) {
    return { form: 'events', kinds, deltas, events: batches.flatMap(({ events }) => events) };
  }
  return undefined;
}

/** The answer for a client that wants a stream, or a whole: where it came the other way, as typed events. */
export function replay(kept: KeptAnswer, stream: boolean): AnswerBatch {
  const { batch } = kept;
  return batch.form === 'events' || kept.stream === stream ? batch : toEvents(kept, batch);
}

function toEvents({ endpoint, stream, usage }: KeptAnswer, { bytes }: NativeBatch): AnswerBatch {
  const reader = dialects[endpoints[endpoint].dialect].createEventReader(endpoint, { stream });
  const events = [reader.push(bytes), reader.finish().batch].flatMap((part) => part?.events ?? []);
  // The client of the stream need not have wanted to know what it used.
  const isBare = (event: ChatEvent) => event.type === 'response-end' && event.usage === undefined;
  return toTypedBatch(
    usage === undefined ? events : events.map((event) => (isBare(event) ? { ...event, usage } : event)),
  );
}

/** Bytes an answer takes in memory, about. */
export function sizeOf(batch: AnswerBatch): number {
  if (batch.form === 'native') return batch.bytes.length + batchOverhead;
  let bytes = batchOverhead;
  for (const event of batch.events) bytes += sizeOfEvent(event);
  return bytes;
}

const batchOverhead = 256;
const eventOverhead = 128;
const logprobBytes = 256;

function sizeOfEvent(event: ChatEvent): number {
  switch (event.type) {
    case 'text-delta': {
      const tokens = (event.logprobs ?? []).reduce((sum, { topLogprobs }) => sum + 1 + (topLogprobs?.length ?? 0), 0);
      return eventOverhead + event.text.length * 2 + tokens * logprobBytes;
    }
    case 'thinking-delta':
      return eventOverhead + event.text.length * 2;
    case 'tool-call':
      return eventOverhead + event.call.arguments.length * 2;
    case 'embeddings':
      return eventOverhead + event.vectors.reduce((sum, vector) => sum + vector.length * 8, 0);
    case 'response-end':
      return eventOverhead + (event.context?.length ?? 0) * 8;
  }
}
