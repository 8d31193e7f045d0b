import type { Clock } from '@waggle/shared/observing/clock.ts';
import { type ClusterView, inProcess } from './views.ts';

/** Remembers over a restart which nodes there were. */
export interface KnownNodes {
  /** Ids of the nodes that were there when the orchestrator ended last. */
  readonly before: readonly string[];
  /** Writes what changed. */
  keep(nodeIds: readonly string[]): void;
}

export interface AwaitedNodesDeps {
  readonly cluster: Pick<ClusterView, 'nodes'>;
  readonly known: KnownNodes;
  /** Names of the nodes of this process that the configuration asks for; read when asked. */
  readonly ownNames: ReadonlySet<string>;
  /** Some agent of the configuration is about to join. */
  readonly isInviting: () => boolean;
  readonly clock: Clock;
}

const keepEveryMs = 1_000;
/** Nodes known from before have come back by then, or are not counted on any more. */
const returnMaxMs = 5_000;

/** Which nodes are missing that should be there: asked by who does not find a model just after the start. */
export class AwaitedNodes {
  readonly #deps: AwaitedNodesDeps;
  readonly #returnUntil: number;
  #cancelTimer: (() => void) | undefined;

  constructor(deps: AwaitedNodesDeps) {
    this.#deps = deps;
    this.#returnUntil = deps.clock.now() + returnMaxMs;
  }

  areMissing(): boolean {
    const { cluster, known, ownNames, isInviting } = this.#deps;
    const present = cluster.nodes.filter((node) => node.link !== undefined);
    // Nobody at all: whoever comes first may never have been here before.
    if (present.length === 0) return true;
    const own = present.filter((node) => node.address === inProcess).length;
    if (own < ownNames.size || isInviting()) return true;
    const ids = new Set(present.map((node) => node.identity.nodeId));
    return known.before.some((nodeId) => !ids.has(nodeId));
  }

  /** Remembers who is there from now on. */
  start(): void {
    this.#cancelTimer = this.#deps.clock.schedule(keepEveryMs, () => {
      this.#keep();
      this.start();
    });
  }

  /** Call before the nodes are disconnected: they are expected back. */
  stop(): void {
    if (this.#cancelTimer === undefined) return;
    this.#cancelTimer();
    this.#cancelTimer = undefined;
    this.#keep();
  }

  /** One that left a moment ago may be on its way back, and so may those of before just after the start. */
  #keep(): void {
    const { cluster, known, clock } = this.#deps;
    const ids = new Set(clock.now() < this.#returnUntil ? known.before : []);
    for (const node of cluster.nodes) ids.add(node.identity.nodeId);
    known.keep([...ids]);
  }
}
