import type { ChatEvent } from './chat-event.ts';

/** Bits of `AnswerBatch.kinds`. */
export const batchKind = {
  /** Role chunks, headers, pings: nothing a reader would see. Does not commit an attempt. */
  opening: 1,
  text: 2,
  thinking: 4,
  toolCall: 8,
  embeddings: 16,
  /** The terminal event of the answer is in this batch, and nothing follows it. */
  end: 32,
} as const;

/** Any of these makes a batch the first event of an answer, after which no other node may take over. */
const committingKinds = batchKind.text | batchKind.thinking | batchKind.toolCall | batchKind.embeddings | batchKind.end;

/**
 * Events of an answer that arrived together: either the engine's own bytes, framed as the client's dialect frames them
 * (client and engine speak the same family), or typed events. An embedding or unstreamed answer is one body.
 */
export type AnswerBatch = NativeBatch | TypedBatch;

export interface NativeBatch {
  readonly form: 'native';
  readonly kinds: number;
  /** Deltas in this batch; about one token each. */
  readonly deltas: number;
  readonly bytes: Uint8Array;
}

export interface TypedBatch {
  readonly form: 'events';
  readonly kinds: number;
  readonly deltas: number;
  readonly events: readonly ChatEvent[];
}

export function isCommitting(batch: AnswerBatch): boolean {
  return (batch.kinds & committingKinds) !== 0;
}

const kindOfEvent: Record<ChatEvent['type'], number> = {
  'text-delta': batchKind.text,
  'thinking-delta': batchKind.thinking,
  'tool-call': batchKind.toolCall,
  embeddings: batchKind.embeddings,
  'response-end': batchKind.end,
};

/** A batch of typed events, with its kinds and deltas derived. */
export function toTypedBatch(events: readonly ChatEvent[]): TypedBatch {
  let kinds = 0;
  let deltas = 0;
  for (const event of events) {
    kinds |= kindOfEvent[event.type];
    if (event.type === 'text-delta' || event.type === 'thinking-delta') deltas++;
  }
  return { form: 'events', kinds, deltas, events };
}
