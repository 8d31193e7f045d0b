import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { splitNodeSuffix, toModelKey } from '../cluster/model-names.ts';
import type { OperationCluster } from './places.ts';

/**
 * An alias is the configuration's: who deletes, copies or makes a model of its name does not mean the model that it leads to today. A model
 * that is there wins over an alias of its name. `instead` ends the sentence. Throws `bad-request`.
 */
export function refuseAlias(name: string, { registry, aliases }: OperationCluster, instead: string): void {
  const { model } = splitNodeSuffix(name) ?? { model: name };
  const keys = new Set([toModelKey(name), toModelKey(model)]);
  for (const key of keys) if (registry.places(key).length > 0) return;
  for (const [alias, targets] of aliases()) {
    if (!keys.has(toModelKey(alias))) continue;
    const message = `'${name}' is an alias of the configuration for ${targets.join(', ')}; ${instead}`;
    throw new ClusterError('bad-request', message, { details: { param: 'model' } });
  }
}
