import { ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { toShortName, withTag } from '../cluster/model-names.ts';
import type { ServedModelView } from '../cluster/views.ts';
import { managesModels } from './engine-choice.ts';
import type { OperationAnswer, OperationRunner } from './operation-runner.ts';
import { type OperationCluster, placesOf } from './places.ts';

/** Either an engine's own answer, or a model whose engine cannot describe it: then its report is all there is. */
export type ShownModel =
  | {
      readonly form: 'answer';
      readonly place: ServedModelView;
      readonly attempts: number;
      readonly answer: OperationAnswer;
    }
  | { readonly form: 'report'; readonly place: ServedModelView; readonly attempts: number };

/**
 * Describes a model by the engine that has it: one that answers is enough. `fields` are the client's, the model's name
 * is written over them. Rejects with `model-not-found` or why the last place did not answer.
 */
export async function showModel(
  model: string,
  fields: Readonly<Record<string, unknown>>,
  deps: { readonly cluster: OperationCluster; readonly runner: OperationRunner; readonly signal: AbortSignal },
): Promise<ShownModel> {
  const places = placesToShow(model, deps.cluster);
  let failure: ClusterError | undefined;
  let attempts = 0;
  for (const place of places) {
    if (!managesModels(place.engine)) continue;
    attempts++;
    try {
      const { name: _alias, ...rest } = fields;
      const operation = { name: 'show', body: { ...rest, model: place.name } } as const;
      const answer = await deps.runner.runWhole(place.engine, operation, deps.signal);
      return { form: 'answer', place, attempts, answer };
    } catch (thrown) {
      failure = toClusterError(thrown);
      if (deps.signal.aborted || failure.httpStatus < 500) throw failure;
    }
  }
  const described = places.find((place) => !managesModels(place.engine));
  if (described !== undefined) return { form: 'report', place: described, attempts };
  throw failure ?? new ClusterError('no-node', `no node that has '${model}' can be reached now`);
}

/** Where Ollama describes models, it names the tag of one it does not have. */
function placesToShow(model: string, cluster: OperationCluster): readonly ServedModelView[] {
  try {
    return placesOf(model, cluster);
  } catch (thrown) {
    const { code, details } = toClusterError(thrown);
    if (code !== 'model-not-found') throw thrown;
    throw new ClusterError(code, `model '${withTag(toShortName(model))}' not found`, { details });
  }
}
