import { type TypedBatch, toTypedBatch } from '../../chat/answer-batch.ts';
import type { ChatEvent } from '../../chat/chat-event.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import { Remainder } from '../../streams/remainder.ts';
import type { EventReader, JobStats } from '../dialect.ts';
import type { Framing } from './framing.ts';
import { parse } from './native-stream.ts';
import { endedEarly } from './stream-errors.ts';

/** What a family knows about turning the JSON texts of one endpoint's stream into events. One per answer. */
export interface EventDecoding {
  /** Adds the events of one JSON text. Throws what the engine reports as an error, as a ClusterError. */
  decode(value: unknown, events: ChatEvent[]): void;
  /** The mark of the stream's end came, or the stream ended without one. Adds what was held back. */
  end(events: ChatEvent[]): void;
  /** True once the terminal event was added. */
  readonly isEnded: boolean;
  /** True when `end` could add the terminal event. */
  readonly isComplete: boolean;
  readonly stats: JobStats;
}

const newline = 0x0a;
const doneText = '[DONE]';

/** Reads a stream as typed events. */
export class EventStream implements EventReader {
  readonly #framing: Framing;
  readonly #decoding: EventDecoding;
  readonly #rest = new Remainder();

  constructor(framing: Framing, decoding: EventDecoding) {
    this.#framing = framing;
    this.#decoding = decoding;
  }

  push(chunk: Uint8Array): TypedBatch | undefined {
    if (this.#decoding.isEnded) return undefined;
    if (chunk[chunk.length - 1] !== newline && !chunk.includes(newline)) {
      this.#rest.hold(chunk);
      return undefined;
    }
    const events: ChatEvent[] = [];
    this.#take(this.#rest.joinedWith(chunk), events);
    return events.length === 0 ? undefined : toTypedBatch(events);
  }

  finish(): { readonly end: JobStats; readonly batch?: TypedBatch } {
    const events: ChatEvent[] = [];
    if (!this.#decoding.isEnded) this.#takeRest(events);
    return { end: this.#decoding.stats, ...(events.length === 0 ? {} : { batch: toTypedBatch(events) }) };
  }

  #takeRest(events: ChatEvent[]): void {
    if (this.#rest.bytes > 0) {
      try {
        this.#take(this.#rest.joinedWith(this.#framing.terminator), events);
      } catch (thrown) {
        // What the engine said of itself counts; that half a line is no JSON is no news.
        if (thrown instanceof ClusterError && thrown.details.engineMessage !== undefined) throw thrown;
        throw endedEarly(thrown);
      }
    }
    if (this.#decoding.isEnded) return;
    if (!this.#decoding.isComplete) throw endedEarly();
    this.#decoding.end(events);
  }

  #take(bytes: Buffer, events: ChatEvent[]): void {
    let at = 0;
    while (at < bytes.length && !this.#decoding.isEnded) {
      const end = this.#framing.endOf(bytes, at);
      if (end === -1) break;
      const text = this.#framing.textOf(bytes, at, end);
      at = end;
      if (text === undefined) continue;
      if (text === doneText) {
        this.#decoding.end(events);
        continue;
      }
      const value = parse(text);
      if (value !== null) this.#decoding.decode(value, events);
    }
    if (!this.#decoding.isEnded) this.#rest.hold(bytes.subarray(at));
  }
}
