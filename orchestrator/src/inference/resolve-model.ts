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
 * An exact name wins, then an alias, then `model@node`. Throws `model-not-found` with the nearest names as hint, or `bad-request`
 * for what could not be a name. A name that an engine lists is one, whatever it looks like.
 */
export function resolveModel(
  name: string,
  registry: Pick<NodeRegistry, 'places' | 'node' | 'nearest'>,
  aliases: Aliases,
): ResolvedModel {
  const key = toModelKey(name);
  if (registry.places(key).length > 0) return { targets: [key], onlyNode: undefined };
  const alias = aliases.get(name) ?? [...aliases].find(([written]) => toModelKey(written) === key)?.[1];
  if (alias !== undefined) {
    const known = alias.map(toModelKey).filter((target) => registry.places(target).length > 0);
    if (known.length > 0) return { targets: known, onlyNode: undefined };
  }
  const suffixed = splitNodeSuffix(name);
  if (suffixed !== undefined) {
    const node = registry.node(suffixed.node);
    const target = toModelKey(suffixed.model);
    if (node !== undefined && registry.places(target).some((served) => served.engine.node === node))
      return { targets: [target], onlyNode: node.name };
  }
  throw toUnknownModel(name, name, registry);
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
