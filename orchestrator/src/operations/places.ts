import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { splitNodeSuffix, toModelKey } from '../cluster/model-names.ts';
import type { NodeRegistry } from '../cluster/node-registry.ts';
import type { EngineView, NodeView, ServedModelView } from '../cluster/views.ts';
import { type Aliases, resolveModel } from '../inference/resolve-model.ts';

/** What operations ask of the cluster. */
export interface OperationCluster {
  readonly registry: Pick<NodeRegistry, 'places' | 'node' | 'nearest' | 'nodes'>;
  readonly aliases: () => Aliases;
}

/**
 * Where a model is that a client names, engines that can be reached only, resident ones first. An alias means the first of
 * its models that is there. Throws `model-not-found`.
 */
export function placesOf(name: string, { registry, aliases }: OperationCluster): readonly ServedModelView[] {
  const { targets, onlyNode } = resolveModel(name, registry, aliases());
  for (const target of targets) {
    const places = registry
      .places(target)
      .filter(({ engine }) => isReachable(engine) && (onlyNode === undefined || engine.node.name === onlyNode));
    if (places.length > 0) return places.toSorted((a, b) => Number(isHot(b)) - Number(isHot(a)));
  }
  throw new ClusterError('no-node', `no node that has '${name}' can be reached now`, {
    details: { retryAfterMs: 1_000 },
  });
}

function isReachable(engine: EngineView): boolean {
  return engine.node.link !== undefined && engine.node.state !== 'left' && engine.report.health === 'up';
}

function isHot(place: ServedModelView): boolean {
  return place.report.state === 'hot';
}

/** Engines that manage their own models: Ollama's. Others are told their models when they start. */
export function managesModels(engine: EngineView): boolean {
  return engine.report.dialect === 'ollama';
}

/** Which nodes a pull goes to: everywhere, these ones, or wherever it fits best. */
export type NodeChoice = 'all' | 'best' | readonly string[];

export interface PullTarget {
  readonly model: string;
  readonly engines: readonly EngineView[];
}

/** Throws `bad-request` for a node nobody knows or that cannot pull, `no-node` where there is none at all. */
export function pullTarget(name: string, choice: NodeChoice, cluster: OperationCluster): PullTarget {
  const { registry } = cluster;
  if (choice === 'best') {
    const suffixed = splitNodeSuffix(name);
    const node = suffixed === undefined ? undefined : registry.node(suffixed.node);
    if (suffixed !== undefined && node !== undefined) return { model: suffixed.model, engines: [pullingEngine(node)] };
    // Anything else behind an @ no registry would take.
    if (suffixed !== undefined && !suffixed.node.startsWith('sha256')) throw unknownNode(suffixed.node);
    const best = bestEngine(name, registry);
    if (best === undefined) throw noPuller();
    return { model: name, engines: [best] };
  }
  if (choice === 'all') {
    const engines = pullingEngines(registry);
    if (engines.length === 0) throw noPuller();
    return { model: name, engines };
  }
  const nodes = [...new Set(choice)].map((wanted) => {
    const node = registry.node(wanted);
    if (node === undefined) throw unknownNode(wanted);
    return node;
  });
  return { model: name, engines: nodes.map(pullingEngine) };
}

function unknownNode(name: string): ClusterError {
  return new ClusterError('bad-request', `there is no node called '${name}'`, { details: { param: 'node' } });
}

/**
 * A node that has the model already gets its update; else the one with the most memory for it: that of its graphics
 * cards, then what is free of the machine's own. Disks are not known.
 */
function bestEngine(model: string, registry: OperationCluster['registry']): EngineView | undefined {
  const candidates = pullingEngines(registry);
  const holders = new Set<EngineView>(
    registry.nodes.flatMap((node) => node.engines).filter((engine) => holds(engine, model)),
  );
  const rank = (engine: EngineView): readonly number[] => [
    holders.has(engine) ? 1 : 0,
    engine.node.hardware.gpus.reduce((sum, gpu) => sum + gpu.vramBytes, 0),
    engine.node.report.memoryAvailableBytes,
  ];
  return candidates.toSorted((a, b) => compareRanks(rank(b), rank(a)))[0];
}

function holds(engine: EngineView, model: string): boolean {
  const wanted = toModelKey(model);
  return engine.models.some((served) => toModelKey(served.name) === wanted);
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    const difference = value - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Each engine once, however many agents see it. */
function pullingEngines({ nodes }: OperationCluster['registry']): readonly EngineView[] {
  const engines = nodes.flatMap((node) => findPullingEngine(node) ?? []);
  return engines.filter((engine) => engine.usedThrough === undefined);
}

function findPullingEngine(node: NodeView): EngineView | undefined {
  return node.state === 'active'
    ? node.engines.find((engine) => managesModels(engine) && isReachable(engine))
    : undefined;
}

function pullingEngine(node: NodeView): EngineView {
  const engine = findPullingEngine(node);
  if (engine !== undefined) return engine;
  throw new ClusterError('bad-request', `node '${node.name}' has no engine that can pull models now`, {
    details: { param: 'node' },
  });
}

function noPuller(): ClusterError {
  return new ClusterError('no-node', 'no node has an engine that can pull models now');
}
