import { randomUUID } from 'node:crypto';
import type { JobFailure } from '@waggle/shared/cluster/job.ts';
import type { OperationFrame, OperationName } from '@waggle/shared/cluster/operation.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { EngineView } from '../cluster/views.ts';

export interface Operation {
  readonly name: OperationName;
  /** Goes to the engine as JSON. */
  readonly body: Readonly<Record<string, unknown>>;
}

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
  readonly #perNode: number;
  readonly #running = new Map<string, number>();

  constructor(perNode: number) {
    this.#perNode = perNode;
  }

  /**
   * The frames of the engine's answer; the last one is the head's or a chunk, an `end` with a failure is thrown. Rejects with
   * `overloaded` while the node has enough to do.
   */
  async *run(
    engine: EngineView,
    operation: Operation,
    signal: AbortSignal,
  ): AsyncGenerator<Exclude<OperationFrame, { type: 'end' }>> {
    const { nodeId } = engine.node.identity;
    const running = this.#running.get(nodeId) ?? 0;
    if (running >= this.#perNode) {
      const message = `node ${engine.node.name} already runs ${running} operations (limits.operationsPerNode)`;
      throw new ClusterError('overloaded', message, { details: { retryAfterMs: 5_000 } });
    }
    const { link } = engine.node;
    if (link === undefined) throw new ClusterError('engine-unreachable', `node ${engine.node.name} has left`);
    this.#running.set(nodeId, running + 1);
    try {
      const request = {
        operationId: randomUUID(),
        engineId: engine.engineId,
        name: operation.name,
        bodyJson: JSON.stringify(operation.body),
      };
      for await (const frame of link.operate(request, noContent(), signal)) {
        if (frame.type === 'end') {
          if (frame.failure !== undefined) throw toOperationError(frame.failure);
          return;
        }
        yield frame;
      }
      throw new ClusterError('engine-unreachable', `node ${engine.node.name} was lost during the operation`);
    } finally {
      const left = (this.#running.get(nodeId) ?? 1) - 1;
      if (left === 0) this.#running.delete(nodeId);
      else this.#running.set(nodeId, left);
    }
  }

  async runWhole(engine: EngineView, operation: Operation, signal: AbortSignal): Promise<OperationAnswer> {
    let status = 200;
    let contentType = 'application/json; charset=utf-8';
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const frame of this.run(engine, operation, signal)) {
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
}

async function* noContent(): AsyncGenerator<Uint8Array> {}

function toOperationError({ code, message, engineStatus, engineBody, retryAfterMs }: JobFailure): ClusterError {
  return new ClusterError(code, message, {
    details: {
      ...(engineStatus === undefined ? {} : { engineStatus }),
      ...(engineBody === undefined ? {} : { engineMessage: message }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  });
}
