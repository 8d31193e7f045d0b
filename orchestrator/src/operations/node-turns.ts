import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { NodeView } from '../cluster/views.ts';

interface NodeLine {
  running: number;
  readonly waiting: Set<() => void>;
}

/** Most operations that wait for one node. */
const maxWaiting = 256;

/** How many operations a node runs at once, and who comes next. */
export class NodeTurns {
  readonly #perNode: () => number;
  readonly #lines = new Map<string, NodeLine>();

  /** How many it may be is asked with each turn. */
  constructor(perNode: () => number) {
    this.#perNode = perNode;
  }

  /**
   * Begins a turn; what is returned ends it. Where the node has enough to do: rejects with `overloaded`, or waits in line if it may; those who
   * may leave one turn to those who may not. Rejects with the signal's reason.
   */
  async take(node: NodeView, wish: { readonly waits: boolean; readonly signal: AbortSignal }): Promise<() => void> {
    wish.signal.throwIfAborted();
    const { nodeId } = node.identity;
    const line = this.#lines.get(nodeId) ?? { running: 0, waiting: new Set() };
    this.#lines.set(nodeId, line);
    if (line.running >= (wish.waits ? this.#forWaiting : this.#perNode())) {
      if (!wish.waits || line.waiting.size >= maxWaiting) throw tooMany(node, line);
      await inLine(line, wish.signal);
    } else {
      line.running++;
    }
    return () => this.#end(nodeId, line);
  }

  get #forWaiting(): number {
    return Math.max(1, this.#perNode() - 1);
  }

  #end(nodeId: string, line: NodeLine): void {
    line.running--;
    const [next] = line.waiting;
    if (next !== undefined && line.running < this.#forWaiting) {
      line.running++;
      next();
    } else if (line.running === 0) {
      this.#lines.delete(nodeId);
    }
  }
}

/** Resolves when a turn was passed on. */
function inLine({ waiting }: NodeLine, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      waiting.delete(go);
      signal.removeEventListener('abort', giveUp);
    };
    const go = () => {
      leave();
      resolve();
    };
    const giveUp = () => {
      leave();
      reject(new ClusterError('client-gone', 'the client left while it waited for its turn', { cause: signal.reason }));
    };
    waiting.add(go);
    signal.addEventListener('abort', giveUp, { once: true });
  });
}

function tooMany(node: NodeView, { running, waiting }: NodeLine): ClusterError {
  const others = waiting.size === 0 ? '' : `, ${waiting.size} wait`;
  const message = `node ${node.name} already runs ${running} operations${others} (limits.operationsPerNode)`;
  return new ClusterError('overloaded', message, { details: { retryAfterMs: 5_000 } });
}
