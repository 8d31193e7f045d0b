import type { Client, ClientDuplexStream } from '@grpc/grpc-js';
import type { OperationFrame, OperationRequest } from '@waggle/shared/cluster/operation.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { toOperationEnd } from '@waggle/shared/lane-link/link-failures.ts';
import type { NodeHost } from '@waggle/shared/lane-link/node-host.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import { PassingContent } from '@waggle/shared/process/passing-content.ts';
import { AnswerQueue } from '@waggle/shared/streams/answer-queue.ts';
import type { OperationDown, OperationUp } from '@waggle/shared/wire/convert-operation.ts';
import { maxBodyPartBytes } from '@waggle/shared/wire/lane-frames.ts';
import { sendFrame } from '@waggle/shared/wire/send-frame.ts';
import { operationsOpen } from '@waggle/shared/wire/services.ts';
import { type SessionClaim, toMetadata } from '@waggle/shared/wire/session-metadata.ts';
import { dial, openStream } from './dial.ts';

type OperationCall = ClientDuplexStream<OperationUp, OperationDown>;

interface OperationsDeps {
  readonly host: NodeHost;
  readonly target: string;
  readonly claim: (connection: number) => SessionClaim;
  /** Called when an operation is over. */
  readonly changed: () => void;
  readonly clock: Clock;
}

/** A guard; how many run at once is the orchestrator's to say. */
const maxOperations = 32;
/** Uploaded content that may wait for the engine, in bytes. */
const contentHighWater = 1024 * 1024;
/** An engine that takes none of the content that waits for so long has hung. A cancel would not be seen either: it comes behind the content. */
const takeMaxMs = 60_000;
/** The connection of the operations; lanes count theirs from 1. */
const connectionNumber = 0;

/** Operations that the orchestrator asked for, each on a stream of its own, all on one connection. */
export class NodeOperations {
  readonly #deps: OperationsDeps;
  readonly #running = new Set<OperationCall>();
  #client: Client | undefined;

  constructor(deps: OperationsDeps) {
    this.#deps = deps;
  }

  get count(): number {
    return this.#running.size;
  }

  open(streamId: number): void {
    this.#client ??= dial(this.#deps.target);
    const metadata = toMetadata({ ...this.#deps.claim(connectionNumber), streamId });
    const call = openStream(this.#client, operationsOpen, metadata);
    const controller = new AbortController();
    this.#running.add(call);
    const content = new AnswerQueue<Uint8Array>({
      highWater: contentHighWater,
      sizeOf: (chunk) => chunk.byteLength,
      onDrain: () => readOn(),
      onReturn: () => readOn(), // what still comes is dropped, but read
    });
    let stopWaiting = () => {};
    const readOn = () => {
      stopWaiting();
      call.resume();
    };
    const over = () => {
      const gone = new ClusterError('client-gone', 'the operation was broken off');
      stopWaiting();
      controller.abort(gone);
      content.fail(gone);
      if (!this.#running.delete(call)) return;
      call.end();
      this.#deps.changed();
    };
    for (const event of ['end', 'error', 'close']) call.on(event, over);
    const passing = new PassingContent();
    const push = (bytes: Uint8Array) => {
      passing.passed(bytes.byteLength);
      if (content.push(bytes)) return;
      call.pause();
      stopWaiting();
      stopWaiting = this.#deps.clock.schedule(takeMaxMs, () => {
        controller.abort(new ClusterError('engine-failed', `the engine took nothing for ${takeMaxMs / 1_000} s`));
      });
    };
    call.on('data', (frame: OperationDown) => {
      if (frame.type === 'start') void this.#run(call, frame.request, content, controller.signal);
      else if (frame.type === 'content') push(frame.bytes);
      else if (frame.type === 'content-end') endContent(content, frame.broken);
      else if (frame.type === 'cancel')
        controller.abort(new ClusterError('client-gone', 'the operation was cancelled'));
    });
  }

  close(): void {
    for (const call of this.#running) call.cancel();
    this.#client?.close();
  }

  async #run(
    call: OperationCall,
    request: Extract<OperationDown, { type: 'start' }>['request'],
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const { name } = request;
    let end: OperationFrame | undefined;
    try {
      if (name === undefined)
        throw new ClusterError('unsupported', 'this node does not know the operation; it runs an older version');
      if (this.#running.size > maxOperations) throw new ClusterError('overloaded', 'the node runs too many operations');
      end = await this.#pass(call, { ...request, name }, content, signal);
    } catch (thrown) {
      end = toOperationEnd(thrown);
    }
    call.write(end ?? toOperationEnd(new ClusterError('internal', 'the operation ended without an end')));
  }

  /** Sends on what the host says until its end. */
  async #pass(
    call: OperationCall,
    request: OperationRequest,
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<OperationFrame | undefined> {
    for await (const frame of this.#deps.host.operate(request, content, signal)) {
      if (frame.type === 'end') return frame;
      if (frame.type === 'head') {
        await sendFrame(call, frame);
        continue;
      }
      for (let start = 0; start < frame.bytes.byteLength; start += maxBodyPartBytes) {
        await sendFrame(call, { type: 'chunk', bytes: frame.bytes.subarray(start, start + maxBodyPartBytes) });
      }
    }
    return undefined;
  }
}

function endContent(content: AnswerQueue<Uint8Array>, broken: boolean): void {
  if (broken) content.fail(new ClusterError('client-gone', 'the content broke off'));
  else content.end();
}
