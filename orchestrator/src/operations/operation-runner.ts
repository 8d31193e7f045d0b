import { randomUUID } from 'node:crypto';
import type { OperationFrame, OperationName } from '@waggle/shared/cluster/operation.ts';
import { fromJobFailure } from '@waggle/shared/dialects/failures/job-failure.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { EngineView } from '../cluster/views.ts';
import { NodeTurns } from './node-turns.ts';

export interface Operation {
  readonly name: OperationName;
  /** Goes to the engine as JSON. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Bytes of a blob, read no faster than the engine takes them. */
  readonly content?: AsyncIterable<Uint8Array>;
}

export type AnswerFrame = Exclude<OperationFrame, { type: 'end' }>;

/** An engine's answer read to its end. */
export interface OperationAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

/** Largest answer that is kept whole; a model's licence and template are tens of kilobytes. */
const maxAnswerBytes = 64 * 1024 * 1024;

/** Sends operations to engines, not more than a few at once to one node. */
export class OperationRunner {
  readonly #turns: NodeTurns;
  /** Whether a blob is there is answered at once, whatever else takes long. */
  readonly #looks: NodeTurns;

  constructor(perNode: () => number) {
    this.#turns = new NodeTurns(perNode);
    this.#looks = new NodeTurns(perNode);
  }

  /**
   * The frames of the engine's answer; the last one is the head's or a chunk, an `end` with a failure is thrown. Rejects with
   * `overloaded` while the node has enough to do; what concerns blobs waits for its turn, in a line of bounded length: a client sends the
   * files of one model at the same time, as many as its machine has cores.
   */
  async *run(engine: EngineView, operation: Operation, signal: AbortSignal): AsyncGenerator<AnswerFrame> {
    const endTurn = await this.#turn(engine, operation.name, signal);
    try {
      const { link } = engine.node;
      if (link === undefined) throw new ClusterError('engine-unreachable', `node ${engine.node.name} has left`);
      const request = {
        operationId: randomUUID(),
        engineId: engine.engineId,
        name: operation.name,
        bodyJson: JSON.stringify(operation.body),
      };
      for await (const frame of link.operate(request, operation.content ?? noContent(), signal)) {
        if (frame.type === 'end') {
          if (frame.failure !== undefined) throw fromJobFailure(frame.failure);
          return;
        }
        yield frame;
      }
      throw new ClusterError('engine-unreachable', `node ${engine.node.name} was lost during the operation`);
    } finally {
      endTurn();
    }
  }

  async runWhole(engine: EngineView, operation: Operation, signal: AbortSignal): Promise<OperationAnswer> {
    return readAnswer(this.run(engine, operation, signal), engine);
  }

  #turn({ node }: EngineView, name: OperationName, signal: AbortSignal): Promise<() => void> {
    if (name === 'blob-head') return this.#looks.take(node, { waits: true, signal });
    return this.#turns.take(node, { waits: name === 'blob-put', signal });
  }
}

/** The rest of an answer, whole; `head` where that was read already. */
export async function readAnswer(
  frames: AsyncIterable<AnswerFrame>,
  engine: EngineView,
  head = { status: 200, contentType: 'application/json; charset=utf-8' },
): Promise<OperationAnswer> {
  let { status, contentType } = head;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const frame of frames) {
    if (frame.type === 'head') {
      status = frame.status;
      contentType = frame.contentType;
    } else {
      bytes += frame.bytes.length;
      if (bytes > maxAnswerBytes)
        throw new ClusterError('engine-failed', `the answer of node ${engine.node.name} is too large`);
      chunks.push(frame.bytes);
    }
  }
  return { status, contentType, body: Buffer.concat(chunks) };
}

async function* noContent(): AsyncGenerator<Uint8Array> {}
