import type { NodeReport } from '@waggle/shared/cluster/node.ts';
import type { Lane, LaneLink, LinkEvents, Refusal } from '@waggle/shared/lane-link/lane-link.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import type { ClusterEngine } from './cluster-engine.ts';
import { ClusterNode, type GivenFacts } from './cluster-node.ts';
import { nearestNames, toModelKey } from './model-names.ts';
import type { ServedModel } from './served-model.ts';
import { type ClusterView, inProcess } from './views.ts';

/** Models of a node that left stay listed this long; what was learned about it stays until `forgetAfterMs`. */
const listedAfterLeavingMs = 30_000;
const forgetAfterMs = 3_600_000;
const keptNodes = 1_000;

/** Told after the registry changed; each call may place held jobs. */
export interface CapacityListener {
  /** A lane became free, a node joined or recovered, a model became hot. */
  capacityChanged(): void;
  /** Its lanes are closed; it may come back. */
  nodeLeft(node: ClusterNode): void;
}

/**
 * Sole owner of what is known about nodes, engines and lanes. Links tell it, scheduling reads it.
 * Invariant: only lanes of a node's present link are in its tables.
 */
export class NodeRegistry implements LinkEvents, ClusterView {
  readonly #nodes = new Map<string, ClusterNode>();
  /** By node id; as many as the configuration names. */
  readonly #given = new Map<string, GivenFacts>();
  readonly #places = new Map<string, readonly ServedModel[]>();
  readonly #clock: Clock;
  readonly #limits: { readonly nodes: number };
  readonly #ownNames: ReadonlySet<string>;
  readonly #logger: Logger;
  #listener: CapacityListener | undefined;

  /** So many connected nodes are taken as `limits` says; absent: any number. `ownNames` are those of this process, which may still be on their way. Both are read when a node joins. */
  constructor(deps: {
    readonly clock: Clock;
    readonly logger: Logger;
    readonly limits?: { readonly nodes: number };
    readonly ownNames?: ReadonlySet<string>;
  }) {
    this.#clock = deps.clock;
    this.#logger = deps.logger;
    this.#limits = deps.limits ?? { nodes: Number.POSITIVE_INFINITY };
    this.#ownNames = deps.ownNames ?? new Set();
  }

  listen(listener: CapacityListener): void {
    this.#listener = listener;
  }

  get nodes(): readonly ClusterNode[] {
    this.#sweep();
    return [...this.#nodes.values()].filter((node) => node.leftAt === undefined || this.#isListed(node));
  }

  /** A node that stays comes before one of the same name that leaves, and that before one that left. */
  node(name: string): ClusterNode | undefined {
    let leaving: ClusterNode | undefined;
    let gone: ClusterNode | undefined;
    for (const node of this.#nodes.values()) {
      if (node.name !== name) continue;
      if (node.leftAt === undefined && node.state !== 'draining') return node;
      if (node.leftAt === undefined) leaving = node;
      else if (this.#isListed(node)) gone = node;
    }
    return leaving ?? gone;
  }

  served(model: string): readonly ServedModel[] {
    return this.places(toModelKey(model));
  }

  /** As `served`, by key. A node that left long ago is not in it. */
  places(key: string): readonly ServedModel[] {
    const places = this.#places.get(key) ?? none;
    for (const place of places) {
      if (place.engine.node.leftAt !== undefined && !this.#isListed(place.engine.node))
        return places.filter((p) => p.engine.node.leftAt === undefined || this.#isListed(p.engine.node));
    }
    return places;
  }

  nameOf(nodeId: string): string | undefined {
    return this.#nodes.get(nodeId)?.name;
  }

  isConnected(nodeId: string): boolean {
    return this.#nodes.get(nodeId)?.link !== undefined;
  }

  /** What the configuration says about a node, whether it is there yet or not. */
  describe(nodeId: string, given: GivenFacts): void {
    this.#given.set(nodeId, given);
    const node = this.#nodes.get(nodeId);
    if (node !== undefined) node.given = given;
  }

  nearest(model: string): readonly string[] {
    const names = new Set<string>();
    for (const node of this.nodes)
      for (const engine of node.engines) for (const served of engine.models) names.add(served.name);
    return nearestNames(model, names);
  }

  joined(link: LaneLink, report: NodeReport): Refusal | undefined {
    const { nodeId } = link.identity;
    const given = this.#given.get(nodeId);
    const name = given?.name ?? link.identity.name;
    if (this.#ownNames.has(name) && link.address !== inProcess)
      return {
        reason: 'same-name',
        message: `the orchestrator has a node of its own called ${name}; start this one with another --name.`,
      };
    for (const other of this.#nodes.values()) {
      if (other.identity.nodeId === nodeId || other.name !== name || other.link === undefined) continue;
      // One of this process that finishes what it has, while another takes its place.
      if (other.state !== 'draining' || other.address !== inProcess || link.address !== inProcess) {
        return {
          reason: 'same-name',
          message: `another node is called ${name}: ${other.address}; this one is at ${link.address}. Start one of them with another --name.`,
        };
      }
    }
    const known = this.#nodes.get(nodeId);
    const connected = [...this.#nodes.values()].filter((node) => node.link !== undefined).length;
    if (known?.link === undefined && connected >= this.#limits.nodes)
      return { reason: 'full', message: `the cluster has ${connected} nodes, the most that limits.nodes allows` };
    if (known?.link !== undefined) this.left(known.link, 'replaced by a newer connection');
    if (known === undefined) {
      const node = new ClusterNode(link, report);
      if (given !== undefined) node.given = given;
      this.#nodes.set(nodeId, node);
      node.update(report);
      node.move(report.draining ? 'draining' : 'active');
    } else {
      known.rejoin(link, report);
    }
    this.#index();
    this.#logger.info('node-joined', { node: name, nodeId, address: link.address, epoch: link.epoch });
    this.#listener?.capacityChanged();
    return undefined;
  }

  reported(link: LaneLink, report: NodeReport): void {
    const node = this.#nodeOf(link);
    if (node === undefined) return;
    if (node.update(report)) this.#index();
    if (report.draining) node.move('draining');
    else if (node.state === 'draining') node.move('active');
    this.#listener?.capacityChanged();
  }

  laneOpened(link: LaneLink, lane: Lane): void {
    const engine = this.#nodeOf(link)?.engine(lane.engineId);
    if (engine === undefined) return;
    engine.lanes.open(lane);
    this.#listener?.capacityChanged();
  }

  laneClosed(link: LaneLink, lane: Lane): void {
    this.#nodeOf(link)?.engine(lane.engineId)?.lanes.close(lane);
  }

  suspected(link: LaneLink): void {
    const node = this.#nodeOf(link);
    if (node === undefined || node.state !== 'active') return;
    node.move('suspect');
    this.#logger.warn('node-suspect', { node: node.name });
  }

  recovered(link: LaneLink): void {
    const node = this.#nodeOf(link);
    if (node === undefined || node.state !== 'suspect') return;
    node.move('active');
    this.#logger.info('node-recovered', { node: node.name });
    this.#listener?.capacityChanged();
  }

  measured(link: LaneLink, roundTripMs: number): void {
    this.#nodeOf(link)?.measureRtt(roundTripMs);
  }

  left(link: LaneLink, reason: string): void {
    const node = this.#nodeOf(link);
    if (node === undefined) return;
    node.link = undefined;
    node.leftAt = this.#clock.now();
    node.move('left');
    for (const engine of node.engines) for (const lane of [...engine.lanes.lanes()]) engine.lanes.close(lane);
    this.#index();
    this.#logger.warn('node-left', { node: node.name, reason });
    this.#listener?.nodeLeft(node);
  }

  #nodeOf(link: LaneLink): ClusterNode | undefined {
    const node = this.#nodes.get(link.identity.nodeId);
    return node?.link === link ? node : undefined;
  }

  #isListed(node: ClusterNode): boolean {
    return node.leftAt !== undefined && this.#clock.now() - node.leftAt < listedAfterLeavingMs;
  }

  #sweep(): void {
    for (const [nodeId, node] of this.#nodes) {
      if (node.leftAt === undefined) continue;
      if (this.#clock.now() - node.leftAt > forgetAfterMs || this.#nodes.size > keptNodes) {
        this.#nodes.delete(nodeId);
        this.#index();
      }
    }
  }

  #index(): void {
    const owners = this.#owners();
    for (const node of this.#nodes.values()) {
      for (const engine of node.engines) {
        const owner = owners.get(engine.identity);
        engine.usedThrough = owner === engine ? undefined : owner;
      }
    }
    const places = new Map<string, ServedModel[]>();
    for (const engine of owners.values()) {
      for (const served of engine.models) {
        const list = places.get(served.key);
        if (list === undefined) places.set(served.key, [served]);
        else list.push(served);
      }
    }
    this.#places.clear();
    for (const [key, list] of places) this.#places.set(key, list);
  }

  /** Each engine once: one that two agents of a machine see is listed on both nodes and used through the one that can, or came first. */
  #owners(): ReadonlyMap<string, ClusterEngine> {
    const owners = new Map<string, ClusterEngine>();
    for (const node of this.#nodes.values()) {
      for (const engine of node.engines) {
        const other = owners.get(engine.identity);
        if (other === undefined || (!isServing(other) && isServing(engine))) owners.set(engine.identity, engine);
      }
    }
    return owners;
  }
}

function isServing(engine: ClusterEngine): boolean {
  return engine.node.leftAt === undefined && engine.report.health === 'up';
}

const none: readonly ServedModel[] = [];
