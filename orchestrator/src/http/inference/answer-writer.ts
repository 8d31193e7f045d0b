import type { ServerResponse } from 'node:http';
import { type AnswerBatch, batchKind } from '@waggle/shared/chat/answer-batch.ts';
import type { ChatEvent } from '@waggle/shared/chat/chat-event.ts';
import { notSeated } from '@waggle/shared/collections/roster.ts';
import type { AnswerEncoder } from '@waggle/shared/dialects/dialect.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { Answer } from '../../inference/inference.ts';
import type { Pulse, Watched } from '../pulse.ts';
import { endWith, StreamBody } from './response-body.ts';

export interface AnswerForm {
  readonly stream: boolean;
  readonly contentType: string;
  /** Made when the first typed batch comes: native answers need none. */
  readonly createEncoder: () => AnswerEncoder;
  /** Headers besides content type and length, as name, value, name, value; read once, with the first batch. */
  readonly headers: () => string[];
  /** An SSE comment is written into a stream that was silent for this long; absent in dialects without comments. */
  readonly silenceMs?: number;
}

const comment = Buffer.from(': waiting\n\n');

/**
 * Writes one answer straight to the node response: head and first batch together, each batch as it comes, waiting for
 * the socket where it is full. A client that takes no byte for `writeTimeoutMs` is cut off by the socket's own timeout,
 * which sees progress inside a large write too.
 */
export class AnswerWriter implements Watched {
  seat = notSeated;
  readonly #outgoing: ServerResponse;
  readonly #writeTimeoutMs: number;
  readonly #pulse: Pulse;
  #form: AnswerForm | undefined;
  #encoder: AnswerEncoder | undefined;
  #body: StreamBody | undefined;
  #isEnded = false;
  #lastBeat = 0;
  #wake: (() => void) | undefined;

  constructor(outgoing: ServerResponse, options: { readonly writeTimeoutMs: number; readonly pulse: Pulse }) {
    this.#outgoing = outgoing;
    this.#writeTimeoutMs = options.writeTimeoutMs;
    this.#pulse = options.pulse;
  }

  /** Resolves when everything was handed to the socket; throws what the answer throws. */
  async write(answer: Answer, form: AnswerForm): Promise<void> {
    this.#form = form;
    const batches = answer[Symbol.asyncIterator]();
    try {
      await (form.stream ? this.#writeStream(batches, form) : this.#writeWhole(batches, form));
    } catch (thrown) {
      await batches.return?.();
      throw thrown;
    }
  }

  /** A whole answer made here. */
  writeEvents(events: readonly ChatEvent[], form: AnswerForm): void {
    this.#form = form;
    this.#sendWhole(this.#encoderOf(form).encodeWhole(events), form);
  }

  /** Ends a stream that failed after its head was sent. */
  end(bytes: Uint8Array): void {
    if (this.#isEnded) return;
    this.#end(bytes);
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The response is gone: whoever waits for the socket is let on. */
  closed(): void {
    this.#pulse.leave(this);
    this.#isEnded = true;
    this.#resume();
  }

  beat(): void {
    const silenceMs = this.#form?.silenceMs;
    if (silenceMs === undefined || this.#wake !== undefined || this.#pulse.elapsedMs(this.#lastBeat) < silenceMs)
      return;
    this.#lastBeat = this.#pulse.beats;
    this.#body?.write(comment);
  }

  async #writeStream(batches: AsyncIterator<AnswerBatch>, form: AnswerForm): Promise<void> {
    for (;;) {
      const next = await batches.next();
      if (next.done === true) throw cutShort();
      if (this.#isEnded) throw gone();
      const batch = next.value;
      const bytes = batch.form === 'native' ? batch.bytes : this.#encoderOf(form).encode(batch.events);
      const body = this.#body ?? this.#begin(form);
      if ((batch.kinds & batchKind.end) !== 0) {
        this.#end(bytes);
        break;
      }
      this.#lastBeat = this.#pulse.beats;
      if (!body.write(bytes)) await this.#drained();
    }
    await finish(batches);
  }

  #begin(form: AnswerForm): StreamBody {
    const headers = form.headers();
    headers.push('content-type', form.contentType);
    this.#outgoing.writeHead(200, headers);
    if (form.silenceMs !== undefined) this.#pulse.join(this);
    this.#body = new StreamBody(this.#outgoing);
    return this.#body;
  }

  /** An unstreamed answer is mostly one batch; typed ones are collected, an engine's own long body is passed on in parts. */
  async #writeWhole(batches: AsyncIterator<AnswerBatch>, form: AnswerForm): Promise<void> {
    let events: readonly ChatEvent[] | undefined;
    for (;;) {
      const next = await batches.next();
      if (next.done === true) throw cutShort();
      if (this.#isEnded) throw gone();
      const batch = next.value;
      const isEnd = (batch.kinds & batchKind.end) !== 0;
      if (batch.form === 'events') {
        events = events === undefined ? batch.events : [...events, ...batch.events];
        if (isEnd) this.#sendWhole(this.#encoderOf(form).encodeWhole(events), form);
      } else if (isEnd && this.#body === undefined) {
        this.#sendWhole(batch.bytes, form);
      } else {
        const body = this.#body ?? this.#begin(form);
        if (isEnd) this.#end(batch.bytes);
        else if (!body.write(batch.bytes)) await this.#drained();
      }
      if (isEnd) break;
    }
    await finish(batches);
  }

  #sendWhole(bytes: Uint8Array, form: AnswerForm): void {
    const headers = form.headers();
    headers.push('content-type', form.contentType, 'content-length', String(bytes.length));
    this.#outgoing.writeHead(200, headers);
    this.#end(bytes);
  }

  #end(bytes: Uint8Array): void {
    const outgoing = this.#outgoing;
    this.#isEnded = true;
    this.#pulse.leave(this);
    if (this.#body === undefined) endWith(outgoing, bytes);
    else this.#body.end(bytes);
    if (outgoing.writableLength > 0) outgoing.socket?.setTimeout(this.#writeTimeoutMs);
  }

  #encoderOf(form: AnswerForm): AnswerEncoder {
    this.#encoder ??= form.createEncoder();
    return this.#encoder;
  }

  #drained(): Promise<void> {
    const outgoing = this.#outgoing;
    outgoing.socket?.setTimeout(this.#writeTimeoutMs);
    return new Promise((resolve) => {
      const resume = (): void => this.#resume();
      this.#wake = () => {
        this.#wake = undefined;
        outgoing.off('drain', resume);
        outgoing.socket?.setTimeout(0);
        resolve();
      };
      outgoing.on('drain', resume);
    });
  }

  #resume(): void {
    this.#wake?.();
  }
}

/** Nothing follows the last event; asking once more lets the answer come to its own end. */
async function finish(batches: AsyncIterator<AnswerBatch>): Promise<void> {
  const next = await batches.next();
  if (next.done !== true) await batches.return?.();
}

function cutShort(): ClusterError {
  return new ClusterError('engine-failed', 'the answer stopped before its last event');
}

function gone(): ClusterError {
  return new ClusterError('client-gone', 'the client left before the answer ended');
}
