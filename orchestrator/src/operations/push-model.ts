import { ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { building, type NodeChoice, namedEngines } from './engine-choice.ts';
import type { OperationRunner } from './operation-runner.ts';
import { type OperationCluster, placesOf } from './places.ts';
import { refuseAlias } from './refuse-alias.ts';
import { type ReportedAnswer, runReported } from './run-reported.ts';

export interface ModelToPush {
  /** Its own name, which says where it goes to; or `name@node`. */
  readonly model: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly choice: NodeChoice;
  readonly stream: boolean;
}

/** Sends a model to its registry from one node that has it; another is asked where one cannot be. `bad-request` for an alias. */
export async function pushModel(
  { model, fields, choice, stream }: ModelToPush,
  deps: { readonly cluster: OperationCluster; readonly runner: OperationRunner; readonly signal: AbortSignal },
): Promise<{ readonly node: string; readonly attempts: number; readonly answer: ReportedAnswer }> {
  const { cluster, signal } = deps;
  refuseAlias(model, cluster, 'push a model by its own name');
  const named = choice === 'best' || choice === 'all' ? undefined : namedEngines(choice, building, cluster.registry);
  const places = placesOf(model, cluster).filter(({ engine }) =>
    named === undefined ? building.fits(engine) : named.includes(engine),
  );
  let failure = new ClusterError('unsupported', `'${model}' is on no engine that can push models`, {
    details: { param: 'model' },
  });
  for (const [index, { engine, name }] of places.entries()) {
    try {
      const task = { engine, operation: { name: 'push', body: { ...fields, model: name } } } as const;
      return { node: engine.node.name, attempts: index + 1, answer: await runReported([task], stream, deps) };
    } catch (thrown) {
      failure = toClusterError(thrown);
      if (signal.aborted || failure.httpStatus < 500) throw failure;
    }
  }
  throw failure;
}
