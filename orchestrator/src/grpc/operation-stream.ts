import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { OperationFrame, OperationRequest } from '@waggle/shared/cluster/operation.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { toLostError, toOperationEnd } from '@waggle/shared/lane-link/link-failures.ts';
import { AnswerQueue } from '@waggle/shared/streams/answer-queue.ts';
import type { OperationDown, OperationUp } from '@waggle/shared/wire/convert-operation.ts';
import { maxBodyPartBytes } from '@waggle/shared/wire/lane-frames.ts';
import { sendFrame } from '@waggle/shared/wire/send-frame.ts';

export type OperationCall = ServerDuplexStream<OperationUp, OperationDown>;

/** Answer that may wait for a slow reader, in bytes. */
const highWaterBytes = 256 * 1024;

/** The orchestrator's end of an operation: waits for the node to open its stream, then reads the answer and feeds the content. */
export class OperationStream {
  readonly #request: OperationRequest;
  readonly #content: AsyncIterable<Uint8Array>;
  readonly #nodeName: string;
  readonly #frames: AnswerQueue<OperationFrame>;
  #call: OperationCall | undefined;
  #isCancelled = false;
  #isOver = false;

  constructor(request: OperationRequest, content: AsyncIterable<Uint8Array>, nodeName: string) {
    this.#request = request;
    this.#content = content;
    this.#nodeName = nodeName;
    this.#frames = new AnswerQueue<OperationFrame>({
      highWater: highWaterBytes,
      sizeOf: (frame) => (frame.type === 'chunk' ? frame.bytes.byteLength : 1),
      onDrain: () => this.#call?.resume(),
      onReturn: () => this.cancel(),
    });
  }

  get frames(): AsyncIterable<OperationFrame> {
    return this.#frames;
  }

  /** The node opened the stream. */
  attach(call: OperationCall): void {
    if (this.#isOver || this.#call !== undefined) {
      call.end();
      return;
    }
    this.#call = call;
    const broke = () => this.lose(toLostError(this.#nodeName, 'its connection broke'));
    call.on('data', (frame: OperationUp) => this.#onFrame(frame));
    call.on('end', broke);
    call.on('error', broke);
    call.on('cancelled', broke);
    call.on('close', broke);
    call.write({ type: 'start', request: this.#request });
    void this.#feed(call);
  }

  /** The reader gave up: the node is told, whatever it still says is dropped. */
  cancel(reason?: unknown): void {
    if (this.#isOver) return;
    this.#isCancelled = true;
    this.#frames.fail(reason ?? new ClusterError('client-gone', 'the reader left'));
    this.#call?.write({ type: 'cancel' });
    if (this.#call === undefined) this.#isOver = true;
    else this.#call.resume();
  }

  /** The node is gone: the answer ends with a failure. */
  lose(error: ClusterError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#frames.push(toOperationEnd(error));
    this.#frames.end();
    this.#call?.end();
  }

  #onFrame(frame: OperationUp): void {
    if (this.#isOver || frame.type === 'unknown') return;
    const mayGoOn = this.#frames.push(frame);
    if (frame.type === 'end') {
      this.#isOver = true;
      this.#frames.end();
      this.#call?.end();
    } else if (!mayGoOn) {
      this.#call?.pause();
    }
  }

  async #feed(call: OperationCall): Promise<void> {
    let broken = false;
    try {
      for await (const chunk of this.#content) {
        for (let start = 0; start < chunk.byteLength && this.#wantsContent; start += maxBodyPartBytes) {
          await sendFrame(call, { type: 'content', bytes: chunk.subarray(start, start + maxBodyPartBytes) });
        }
        if (!this.#wantsContent) return;
      }
    } catch {
      broken = true;
    }
    if (this.#wantsContent) call.write({ type: 'content-end', broken });
  }

  get #wantsContent(): boolean {
    return !this.#isOver && !this.#isCancelled;
  }
}
