import type { ServerResponse } from 'node:http';
import { type AnswerBatch, batchKind } from '@waggle/shared/chat/answer-batch.ts';
import type { ChatEvent } from '@waggle/shared/chat/chat-event.ts';
import { notSeated } from '@waggle/shared/collections/roster.ts';
import type { AnswerEncoder } from '@waggle/shared/dialects/dialect.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { Answer } from '../../inference/inference.ts';
import type { Watched } from '../pulse.ts';
import { type PatienceOptions, ReaderPatience } from './reader-patience.ts';
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

/** No more is written at once: how much of it a client took is not seen before all of it is. */
const pieceBytes = 65_536;

const comment = Buffer.from(': waiting\n\n');

/**
 * Writes one answer straight to the node response: head and first batch together, each batch as it comes, waiting for
 * the socket where it is full. What is large goes in pieces, so that a reader who is slow is seen to take them; one who takes nothing
 * for `writeTimeoutMs` is cut off.
 */
export class AnswerWriter implements Watched {
  seat = notSeated;
  readonly #outgoing: ServerResponse;
  readonly #options: PatienceOptions;
  #form: AnswerForm | undefined;
  #encoder: AnswerEncoder | undefined;
  #body: StreamBody | undefined;
  #isEnded = false;
  #isClosed = false;
  #lastBeat = 0;
  #wake: (() => void) | undefined;
  /** Made when the client has to be waited for, which most never have. */
  #patience: ReaderPatience | undefined;

  constructor(outgoing: ServerResponse, options: PatienceOptions) {
    this.#outgoing = outgoing;
    this.#options = options;
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
    void this.#sendWhole(this.#encoderOf(form).encodeWhole(events), form);
  }

  /** Ends a stream that failed after its head was sent. */
  end(bytes: Uint8Array): void {
    if (this.#isEnded) return;
    void this.#end(bytes);
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The response is gone: whoever waits for the socket is let on. */
  closed(): void {
    this.#options.pulse.leave(this);
    this.#isEnded = true;
    this.#isClosed = true;
    this.#wake?.();
  }

  beat(): void {
    if (this.#wake !== undefined || this.#isEnded) {
      this.#judgeReader();
      return;
    }
    const { pulse } = this.#options;
    const silenceMs = this.#form?.silenceMs;
    if (silenceMs === undefined || pulse.elapsedMs(this.#lastBeat) < silenceMs) return;
    this.#lastBeat = pulse.beats;
    this.#body?.write(comment);
  }

  #judgeReader(): void {
    const outgoing = this.#outgoing;
    const { socket } = outgoing;
    // Behind another answer on the same connection: the client cannot take this one yet.
    if (socket === null) this.#patience?.begin();
    else if (outgoing.writableLength === 0) this.#options.pulse.leave(this);
    // What the system still holds for a client that is gone for us goes at once, not when it gives up by itself.
    else this.#patience?.beat(socket, () => socket.resetAndDestroy());
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
        await finish(batches, this.#end(bytes));
        return;
      }
      this.#lastBeat = this.#options.pulse.beats;
      if (bytes.length > pieceBytes) await this.#writePieces(bytes);
      else if (!body.write(bytes)) await this.#drained();
    }
  }

  #begin(form: AnswerForm): StreamBody {
    const headers = form.headers();
    headers.push('content-type', form.contentType);
    this.#outgoing.writeHead(200, headers);
    if (form.silenceMs !== undefined) this.#watch();
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
      let rest: Promise<void> | undefined;
      if (batch.form === 'events') {
        events = events === undefined ? batch.events : [...events, ...batch.events];
        if (isEnd) rest = this.#sendWhole(this.#encoderOf(form).encodeWhole(events), form);
      } else if (isEnd && this.#body === undefined) {
        rest = this.#sendWhole(batch.bytes, form);
      } else {
        const body = this.#body ?? this.#begin(form);
        if (isEnd) rest = this.#end(batch.bytes);
        else if (batch.bytes.length > pieceBytes) await this.#writePieces(batch.bytes);
        else if (!body.write(batch.bytes)) await this.#drained();
      }
      if (!isEnd) continue;
      await finish(batches, rest);
      return;
    }
  }

  #sendWhole(bytes: Uint8Array, form: AnswerForm): Promise<void> | undefined {
    const headers = form.headers();
    headers.push('content-type', form.contentType, 'content-length', String(bytes.length));
    this.#outgoing.writeHead(200, headers);
    return this.#end(bytes);
  }

  /** What comes back is the writing of the rest, where there is one; it never rejects. */
  #end(bytes: Uint8Array): Promise<void> | undefined {
    this.#isEnded = true;
    if (bytes.length > pieceBytes) return this.#writePieces(bytes, true);
    this.#endNow(bytes);
    return undefined;
  }

  #endNow(bytes: Uint8Array): void {
    if (this.#body === undefined) endWith(this.#outgoing, bytes);
    else this.#body.end(bytes);
    if (this.#outgoing.writableLength > 0) this.#wait();
    else this.#options.pulse.leave(this);
  }

  async #writePieces(bytes: Uint8Array, isEnd = false): Promise<void> {
    for (let at = 0; ; at += pieceBytes) {
      const piece = bytes.subarray(at, at + pieceBytes);
      const isLast = at + pieceBytes >= bytes.length;
      if (isLast && isEnd) {
        this.#endNow(piece);
        return;
      }
      if (!(this.#body ?? this.#outgoing).write(piece)) await this.#drained();
      if (isLast || this.#isClosed) return;
    }
  }

  #encoderOf(form: AnswerForm): AnswerEncoder {
    this.#encoder ??= form.createEncoder();
    return this.#encoder;
  }

  #drained(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    const outgoing = this.#outgoing;
    this.#wait();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#wake = undefined;
        outgoing.off('drain', wake);
        this.#patience?.end();
        resolve();
      };
      this.#wake = wake;
      outgoing.on('drain', wake);
    });
  }

  #wait(): void {
    this.#patience ??= new ReaderPatience(this.#options);
    this.#patience.begin();
    this.#watch();
  }

  #watch(): void {
    if (this.seat === notSeated) this.#options.pulse.join(this);
  }
}

/** Nothing follows the last event; asking once more lets the answer come to its own end, however slowly the `rest` is read. */
async function finish(batches: AsyncIterator<AnswerBatch>, rest: Promise<void> | undefined): Promise<void> {
  const next = await batches.next();
  if (next.done !== true) await batches.return?.();
  await rest;
}

function cutShort(): ClusterError {
  return new ClusterError('engine-failed', 'the answer stopped before its last event');
}

function gone(): ClusterError {
  return new ClusterError('client-gone', 'the client left before the answer ended');
}
