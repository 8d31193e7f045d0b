import { ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { ServedModelView } from '../cluster/views.ts';
import type { OperationRunner } from './operation-runner.ts';
import { managesModels, type OperationCluster, placesOf } from './places.ts';

/**
 * Deletes a model wherever it is (`model@node`: there only). Resolves when every engine has deleted it; rejects naming the nodes
 * that have it still. Engines that were started with their model cannot delete it, which is an error only if no other has it.
 */
export async function deleteModel(
  model: string,
  deps: { readonly cluster: OperationCluster; readonly runner: OperationRunner; readonly signal: AbortSignal },
): Promise<void> {
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
