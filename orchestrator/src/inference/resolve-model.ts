import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { isModelName, splitNodeSuffix, toModelKey } from '../cluster/model-names.ts';
import type { NodeRegistry } from '../cluster/node-registry.ts';

/** Where a request may go: model keys in order of preference, perhaps on one node only. */
export interface ResolvedModel {
  readonly targets: readonly string[];
  readonly onlyNode: string | undefined;
}

export type Aliases = ReadonlyMap<string, readonly string[]>;

/**
 * An exact name wins, then an alias, then either of them `@node`. Throws `model-not-found` with the nearest names as hint, or `bad-request`
 * for what could not be a name. A name that an engine lists is one, whatever it looks like.
 */
export function resolveModel(
  name: string,
  registry: Pick<NodeRegistry, 'places' | 'node' | 'nearest'>,
  aliases: Aliases,
): ResolvedModel {
  const key = toModelKey(name);
  if (registry.places(key).length > 0) return { targets: [key], onlyNode: undefined };
  // A stand-in is asked by its own name only.
  const isReal = (target: string) => registry.places(target).some(({ report }) => report.scripted !== true);
  const known = findAlias(name, aliases).filter(isReal);
  if (known.length > 0) return { targets: known, onlyNode: undefined };
  const suffixed = splitNodeSuffix(name);
  if (suffixed !== undefined) {
    const node = registry.node(suffixed.node);
    const isThere = (target: string) => registry.places(target).some((served) => served.engine.node === node);
    const target = toModelKey(suffixed.model);
    const targets = isThere(target) ? [target] : findAlias(suffixed.model, aliases).filter(isThere).filter(isReal);
    if (node !== undefined && targets.length > 0) return { targets, onlyNode: node.name };
  }
  throw toUnknownModel(name, name, registry);
}

/** Keys of the models it stands for; none: it is no alias. */
function findAlias(name: string, aliases: Aliases): readonly string[] {
  if (aliases.size === 0) return [];
  const key = toModelKey(name);
  const alias = aliases.get(name) ?? [...aliases].find(([written]) => toModelKey(written) === key)?.[1];
  return (alias ?? []).map(toModelKey);
}

/** Why there is no model of this name. `shown` is the name as the client is told it. */
export function toUnknownModel(name: string, shown: string, registry: Pick<NodeRegistry, 'nearest'>): ClusterError {
  if (!isModelName(splitNodeSuffix(name)?.model ?? name)) {
    return new ClusterError('bad-request', 'invalid model name', { details: { param: 'model' } });
  }
  const nearest = registry.nearest(name);
  const hint = nearest.length > 0 ? { hint: `did you mean ${nearest.join(' or ')}?` } : {};
  return new ClusterError('model-not-found', `model '${shown}' not found`, { details: { ...hint, param: 'model' } });
}
