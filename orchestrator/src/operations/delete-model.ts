import { ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { splitNodeSuffix, toModelKey } from '../cluster/model-names.ts';
import type { ServedModelView } from '../cluster/views.ts';
import type { OperationRunner } from './operation-runner.ts';
import { managesModels, type OperationCluster, placesOf } from './places.ts';

/**
 * Deletes a model wherever it is (`model@node`: there only), by its own name: `bad-request` for an alias. Resolves when every engine has deleted it; rejects naming the nodes
 * that have it still. Engines that were started with their model cannot delete it, which is an error only if no other has it.
 */
export async function deleteModel(
  model: string,
  deps: { readonly cluster: OperationCluster; readonly runner: OperationRunner; readonly signal: AbortSignal },
): Promise<void> {
  refuseAlias(model, deps.cluster);
  const places = placesOf(model, deps.cluster);
  const deletable = places.filter((place) => managesModels(place.engine));
  if (deletable.length === 0) {
    const kinds = [...new Set(places.map((place) => place.engine.report.kind))].join(', ');
    throw new ClusterError('unsupported', `'${model}' is served by ${kinds}, which cannot delete models`, {
      details: { param: 'model' },
    });
  }
  const failures = await Promise.all(deletable.map((place) => deleteAt(place, deps)));
  const failed = failures.filter((failure) => failure !== undefined);
  const [first] = failed;
  if (first === undefined) return;
  if (deletable.length === 1) throw first.error;
  const words = failed.map(({ node, error }) => `${node}: ${error.message}`).join('; ');
  throw new ClusterError(
    'engine-failed',
    `'${model}' is still on ${failed.length} of ${deletable.length} nodes (${words})`,
  );
}

/** An alias is the configuration's: who deletes it does not mean the model that it leads to today. */
function refuseAlias(name: string, { registry, aliases }: OperationCluster): void {
  const { model } = splitNodeSuffix(name) ?? { model: name };
  const keys = new Set([toModelKey(name), toModelKey(model)]);
  for (const key of keys) if (registry.places(key).length > 0) return;
  for (const [alias, targets] of aliases()) {
    if (!keys.has(toModelKey(alias))) continue;
    const message = `'${name}' is an alias of the configuration for ${targets.join(', ')}; delete a model by its own name`;
    throw new ClusterError('bad-request', message, { details: { param: 'model' } });
  }
}

async function deleteAt(
  place: ServedModelView,
  { runner, signal }: { readonly runner: OperationRunner; readonly signal: AbortSignal },
): Promise<{ readonly node: string; readonly error: ClusterError } | undefined> {
  const node = place.engine.node.name;
  try {
    const { status, body } = await runner.runWhole(
      place.engine,
      { name: 'delete', body: { model: place.name } },
      signal,
    );
    if (status < 300 || status === 404) return undefined;
    const message = wordsOf(body.toString('utf8'));
    return {
      node,
      error: new ClusterError('engine-failed', message, { details: { engineStatus: status, engineMessage: message } }),
    };
  } catch (thrown) {
    return { node, error: toClusterError(thrown) };
  }
}

function wordsOf(body: string): string {
  return /"error"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(body)?.[1] ?? body.slice(0, 500);
}
