import { ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { EngineView } from '../cluster/views.ts';
import type { Operation, OperationRunner } from './operation-runner.ts';

/** One node's part of work that several nodes do. */
export interface NodeTask {
  readonly engine: EngineView;
  readonly operation: Operation;
}

export interface NodeFailure {
  readonly node: string;
  readonly error: ClusterError;
}

/**
 * Does the work on all nodes at once and gives the failures of those that did not do it. `isDone` says which answers mean that a node did it;
 * what is below 300 unless told.
 */
export async function runEverywhere(
  tasks: readonly NodeTask[],
  { runner, signal }: { readonly runner: OperationRunner; readonly signal: AbortSignal },
  isDone: (status: number) => boolean = (status) => status < 300,
): Promise<readonly NodeFailure[]> {
  const failures = await Promise.all(
    tasks.map(async ({ engine, operation }): Promise<NodeFailure | undefined> => {
      const node = engine.node.name;
      try {
        const { status, body } = await runner.runWhole(engine, operation, signal);
        return isDone(status) ? undefined : { node, error: toRefusal(status, body.toString('utf8')) };
      } catch (thrown) {
        return { node, error: toClusterError(thrown) };
      }
    }),
  );
  return failures.filter((failure) => failure !== undefined);
}

/** An engine's error answer in its own words and with its own status. */
export function toRefusal(status: number, body: string): ClusterError {
  const message = wordsOf(body);
  return new ClusterError('engine-failed', message, { details: { engineStatus: status, engineMessage: message } });
}

export function listFailures(failures: readonly NodeFailure[]): string {
  return failures.map(({ node, error }) => `${node}: ${error.message}`).join('; ');
}

function wordsOf(body: string): string {
  try {
    const answer: unknown = JSON.parse(body);
    if (typeof answer === 'object' && answer !== null && 'error' in answer && typeof answer.error === 'string')
      return answer.error;
  } catch {
    // Its own words, then, whatever form they have.
  }
  return body.slice(0, 500);
}
