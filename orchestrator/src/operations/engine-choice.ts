import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { toModelKey } from '../cluster/model-names.ts';
import type { NodeRegistry } from '../cluster/node-registry.ts';
import type { EngineView, NodeView } from '../cluster/views.ts';

/** Work on models that engines of some kinds do. */
export interface EngineWork {
  readonly words: string;
  fits(engine: EngineView): boolean;
}

/** Engines that manage their own models: Ollama's. Others are told their models when they start. */
export function managesModels(engine: EngineView): boolean {
  return engine.report.dialect === 'ollama';
}

export const pulling: EngineWork = { words: 'pull models', fits: managesModels };

/** From a URL, or from the disk of the node. */
export const takingFiles: EngineWork = { words: 'take a model file', fits: ({ report }) => report.kind === 'builtin' };

export const copying: EngineWork = { words: 'copy models', fits: managesModels };

/** Creates, pushes and takes blobs. */
export const building: EngineWork = { words: 'make models', fits: ({ report }) => report.kind === 'ollama' };

/** Which nodes work goes to: everywhere, these ones, or wherever it fits best. */
export type NodeChoice = 'all' | 'best' | readonly string[];

type Registry = Pick<NodeRegistry, 'node' | 'nodes'>;

export function isReachable(engine: EngineView): boolean {
  return engine.node.link !== undefined && engine.node.state !== 'left' && engine.report.health === 'up';
}

/** Each engine once, however many agents see it. Throws `no-node` where there is none. */
export function everyEngine(work: EngineWork, { nodes }: Pick<Registry, 'nodes'>): readonly EngineView[] {
  const engines = nodes
    .flatMap((node) => findEngine(node, work) ?? [])
    .filter((engine) => engine.usedThrough === undefined);
  if (engines.length > 0) return engines;
  throw new ClusterError('no-node', `no node has an engine that can ${work.words} now`);
}

/** Throws `bad-request` for a node nobody knows or that cannot do it. */
export function namedEngines(names: readonly string[], work: EngineWork, registry: Registry): readonly EngineView[] {
  return [...new Set(names)].map((name) => {
    const node = registry.node(name);
    if (node === undefined) throw unknownNode(name);
    return engineOf(node, work);
  });
}

export function engineOf(node: NodeView, work: EngineWork): EngineView {
  const engine = findEngine(node, work);
  if (engine !== undefined) return engine;
  throw new ClusterError('bad-request', `node '${node.name}' has no engine that can ${work.words} now`, {
    details: { param: 'node' },
  });
}

export function unknownNode(name: string): ClusterError {
  return new ClusterError('bad-request', `there is no node called '${name}'`, { details: { param: 'node' } });
}

/**
 * A node that has the model already is first, then those with an engine that somebody installed; else the one with the most memory for it: that of its graphics
 * cards, then what is free of the machine's own. Disks are not known.
 */
export function byRoom(engines: readonly EngineView[], model?: string): readonly EngineView[] {
  const rank = (engine: EngineView): readonly number[] => [
    model !== undefined && holds(engine, model) ? 1 : 0,
    engine.report.kind === 'builtin' ? 0 : 1,
    engine.node.hardware.gpus.reduce((sum, gpu) => sum + gpu.vramBytes, 0),
    engine.node.report.memoryAvailableBytes,
  ];
  return engines.toSorted((a, b) => compareRanks(rank(b), rank(a)));
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

function findEngine(node: NodeView, work: EngineWork): EngineView | undefined {
  if (node.state !== 'active') return undefined;
  const fitting = node.engines.filter((engine) => work.fits(engine) && isReachable(engine));
  // Who has installed an engine means that one.
  return fitting.find(({ report }) => report.kind !== 'builtin') ?? fitting[0];
}
