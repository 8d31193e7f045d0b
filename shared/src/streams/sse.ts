import { maxFrameBytes, Remainder } from './remainder.ts';

/** One server-sent event. */
export interface SseEvent {
  /** `message` unless the event names another. */
  readonly event: string;
  /** The data lines, joined with line feeds. */
  readonly data: string;
  /** Last id the stream gave so far; empty while there is none. */
  readonly id: string;
}

/**
 * Reads a stream of server-sent events as the HTML standard says: line ends LF, CR LF and CR, comments, several data lines, a
 * byte order mark; an event that its blank line does not end is dropped.
 */
export class SseDecoder {
  readonly #decoder = new TextDecoder('utf-8');
  readonly #rest: Remainder;
  #data: string[] = [];
  #dataLength = 0;
  #event = '';
  #id = '';
  /** A CR ended the last chunk: an LF right after it belongs to the same line end. */
  #afterCr = false;
  readonly #maxEventBytes: number;

  /** Events of more than `maxEventBytes` are refused. */
  constructor(maxEventBytes: number = maxFrameBytes) {
    this.#maxEventBytes = maxEventBytes;
    this.#rest = new Remainder(maxEventBytes);
  }

  /** The events that are complete now. Throws `engine-failed` for an event beyond the bound. */
  push(chunk: Uint8Array): SseEvent[] {
    const events: SseEvent[] = [];
    let start = this.#afterCr && chunk[0] === 0x0a ? 1 : 0;
    if (chunk.length > 0) this.#afterCr = false;
    for (let at = start; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte !== 0x0a && byte !== 0x0d) continue;
      this.#line(this.#rest.joinedWith(chunk.subarray(start, at)), events);
      if (byte === 0x0d) {
        if (chunk[at + 1] === 0x0a) at++;
        else if (at + 1 === chunk.length) this.#afterCr = true;
      }
      start = at + 1;
    }
    this.#rest.hold(chunk.subarray(start));
    return events;
  }

  #line(bytes: Buffer, events: SseEvent[]): void {
    // TextDecoder drops a byte order mark, which can only stand in the first line.
    const line = this.#decoder.decode(bytes);
    if (line === '') {
      if (this.#data.length > 0) {
        events.push({ event: this.#event === '' ? 'message' : this.#event, data: this.#data.join('\n'), id: this.#id });
      }
      this.#data = [];
      this.#dataLength = 0;
      this.#event = '';
      return;
    }
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') this.#addData(value);
    else if (field === 'event') this.#event = value;
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
  }

  #addData(value: string): void {
    this.#dataLength += value.length;
    // The rest's own bound does not see an event of many lines.
    if (this.#dataLength > this.#maxEventBytes) this.#rest.hold(new Uint8Array(this.#maxEventBytes + 1));
    this.#data.push(value);
  }
}

/** The events of a stream of chunks. */
export async function* readSseEvents(
  chunks: AsyncIterable<Uint8Array>,
  maxEventBytes: number = maxFrameBytes,
): AsyncGenerator<SseEvent, void, undefined> {
  const decoder = new SseDecoder(maxEventBytes);
  for await (const chunk of chunks) yield* decoder.push(chunk);
}

/**
 * Where the event that begins at `start` ends: the index behind its blank line, or -1 while that has not come. For events
 * that go on as bytes; knows the line ends LF and CR LF.
 */
export function endOfEvent(bytes: Buffer, start: number): number {
  for (let at = bytes.indexOf(0x0a, start); at !== -1; at = bytes.indexOf(0x0a, at + 1)) {
    const next = bytes[at + 1];
    if (next === 0x0a) return at + 2;
    if (next === 0x0d && bytes[at + 2] === 0x0a) return at + 3;
    // A stream may begin with a blank line, or have one too many between two events.
    if (at === start) return at + 1;
    if (at === start + 1 && bytes[start] === 0x0d) return at + 1;
  }
  return -1;
}
