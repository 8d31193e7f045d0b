import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { isModelFile, splitNodeSuffix } from '../cluster/model-names.ts';
import type { NodeRegistry } from '../cluster/node-registry.ts';
import type { EngineView, ServedModelView } from '../cluster/views.ts';
import { type Aliases, resolveModel } from '../inference/resolve-model.ts';
import {
  byRoom,
  engineOf,
  everyEngine,
  isReachable,
  type NodeChoice,
  namedEngines,
  pulling,
  takingFiles,
  unknownNode,
} from './engine-choice.ts';

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

function isHot(place: ServedModelView): boolean {
  return place.report.state === 'hot';
}

export interface PullTarget {
  readonly model: string;
  readonly engines: readonly EngineView[];
}

/** Throws `bad-request` for a node nobody knows or that cannot pull, `no-node` where there is none at all. */
export function pullTarget(name: string, choice: NodeChoice, cluster: OperationCluster): PullTarget {
  const { registry } = cluster;
  const isFile = isModelFile(name);
  const work = isFile ? takingFiles : pulling;
  if (choice === 'all') return { model: name, engines: everyEngine(work, registry) };
  if (choice !== 'best') return { model: name, engines: namedEngines(choice, work, registry) };
  const suffixed = splitNodeSuffix(name);
  const node = suffixed === undefined ? undefined : registry.node(suffixed.node);
  if (suffixed !== undefined && node !== undefined) return { model: suffixed.model, engines: [engineOf(node, work)] };
  // Anything else behind an @ no registry would take.
  if (suffixed !== undefined && !isFile && !suffixed.node.startsWith('sha256')) throw unknownNode(suffixed.node);
  return { model: name, engines: byRoom(everyEngine(work, registry), name).slice(0, 1) };
}
