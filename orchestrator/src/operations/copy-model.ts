import { ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { splitNodeSuffix } from '../cluster/model-names.ts';
import type { ServedModelView } from '../cluster/views.ts';
import { copying, type NodeChoice, unknownNode } from './engine-choice.ts';
import type { ModelTurns } from './model-turns.ts';
import type { OperationRunner } from './operation-runner.ts';
import { type OperationCluster, placesOf } from './places.ts';
import { refuseAlias } from './refuse-alias.ts';
import { listFailures, runEverywhere } from './run-everywhere.ts';

/**
 * Gives a model a second name wherever it is: on every node, on those of `choice`, on one as `model@node`. Both are names of their own:
 * `bad-request` for an alias. Resolves to the names of their nodes when every engine has done it; rejects naming the nodes that have not.
 */
export async function copyModel(
  {
    source,
    destination,
    choice,
  }: { readonly source: string; readonly destination: string; readonly choice: NodeChoice },
  deps: {
    readonly cluster: OperationCluster;
    readonly runner: OperationRunner;
    readonly turns: ModelTurns;
    readonly signal: AbortSignal;
  },
): Promise<readonly string[]> {
  const { cluster, signal } = deps;
  refuseAlias(source, cluster, 'copy a model by its own name');
  refuseAlias(destination, cluster, 'a copy of this name would hide it');
  const suffixed = splitNodeSuffix(destination);
  const places = placesToCopy(source, suffixed === undefined ? choice : [suffixed.node], cluster);
  const name = suffixed?.model ?? destination;
  const endTurn = await deps.turns.take(name, signal);
  const tasks = places.map((place) => {
    return {
      engine: place.engine,
      operation: { name: 'copy', body: { source: place.name, destination: name } },
    } as const;
  });
  const failed = await runEverywhere(tasks, deps).finally(endTurn);
  const [first] = failed;
  if (first === undefined) return places.map(({ engine }) => engine.node.name);
  if (places.length === 1) throw first.error;
  const words = `'${source}' could not be copied on ${failed.length} of ${places.length} nodes (${listFailures(failed)})`;
  throw new ClusterError('engine-failed', words);
}

function placesToCopy(source: string, choice: NodeChoice, cluster: OperationCluster): readonly ServedModelView[] {
  const places = knownPlaces(source, cluster).filter(({ engine }) => copying.fits(engine));
  if (places.length === 0) {
    throw new ClusterError('unsupported', `'${source}' is on no engine that can copy models`, {
      details: { param: 'source' },
    });
  }
  if (choice === 'all' || choice === 'best') return places;
  return [...new Set(choice)].flatMap((name) => {
    const node = cluster.registry.node(name);
    if (node === undefined) throw unknownNode(name);
    const here = places.filter(({ engine }) => engine.node === node);
    if (here.length > 0) return here;
    throw new ClusterError('model-not-found', `node '${name}' has no model '${source}'`, {
      details: { param: 'node' },
    });
  });
}

/** Ollama has other marks around the name here than elsewhere. */
function knownPlaces(source: string, cluster: OperationCluster): readonly ServedModelView[] {
  try {
    return placesOf(source, cluster);
  } catch (thrown) {
    const { code, details } = toClusterError(thrown);
    if (code !== 'model-not-found') throw thrown;
    throw new ClusterError(code, `model "${source}" not found`, { details });
  }
}
