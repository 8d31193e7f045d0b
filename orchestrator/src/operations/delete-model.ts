import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { managesModels } from './engine-choice.ts';
import type { OperationRunner } from './operation-runner.ts';
import { type OperationCluster, placesOf } from './places.ts';
import { refuseAlias } from './refuse-alias.ts';
import { listFailures, runEverywhere } from './run-everywhere.ts';

/**
 * Deletes a model wherever it is (`model@node`: there only), by its own name: `bad-request` for an alias. Resolves to the names of their nodes when every engine has deleted it; rejects naming the nodes
 * that have it still. Engines that were started with their model cannot delete it, which is an error only if no other has it.
 */
export async function deleteModel(
  model: string,
  deps: { readonly cluster: OperationCluster; readonly runner: OperationRunner; readonly signal: AbortSignal },
): Promise<readonly string[]> {
  refuseAlias(model, deps.cluster, 'delete a model by its own name');
  const places = placesOf(model, deps.cluster);
  const deletable = places.filter((place) => managesModels(place.engine));
  if (deletable.length === 0) {
    const kinds = [...new Set(places.map((place) => place.engine.report.kind))].join(', ');
    throw new ClusterError('unsupported', `'${model}' is served by ${kinds}, which cannot delete models`, {
      details: { param: 'model' },
    });
  }
  const tasks = deletable.map(({ engine, name }) => {
    return { engine, operation: { name: 'delete', body: { model: name } } } as const;
  });
  const failed = await runEverywhere(tasks, deps, (status) => status < 300 || status === 404);
  const [first] = failed;
  if (first === undefined) return deletable.map(({ engine }) => engine.node.name);
  if (deletable.length === 1) throw first.error;
  throw new ClusterError(
    'engine-failed',
    `'${model}' is still on ${failed.length} of ${deletable.length} nodes (${listFailures(failed)})`,
  );
}
