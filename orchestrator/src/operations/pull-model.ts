import { ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { EngineView } from '../cluster/views.ts';
import { mergeStreams } from './merge-streams.ts';
import type { OperationRunner } from './operation-runner.ts';
import type { PullTarget } from './places.ts';
import { readJsonLines } from './read-json-lines.ts';

/** One step of a pull: an engine's own line with the node it came from, or the last line of all. */
export type PullLine = Readonly<Record<string, unknown>>;

/**
 * Pulls a model to every engine of the target and yields what they report, as it comes. Ends with one `status: success`,
 * or with one `error` line that names the nodes it failed on. With one node its own words pass unchanged.
 */
export async function* pullModel(
  { model, engines }: PullTarget,
  fields: Readonly<Record<string, unknown>>,
  { runner, signal }: { readonly runner: OperationRunner; readonly signal: AbortSignal },
): AsyncGenerator<PullLine> {
  const failures: { readonly node: string; readonly message: string }[] = [];
  const reports = engines.map((engine) => pullAt(engine, { ...fields, model, stream: true }, { runner, signal }));
  for await (const line of mergeStreams(reports)) {
    if (line.failure !== undefined) failures.push({ node: line.node, message: line.failure });
    else if (engines.length === 1 || line.fields['status'] !== 'success') yield { ...line.fields, node: line.node };
    // A client stops reading at the first success; the nodes that go on are not to be cut off by it.
    else yield { status: 'pulled', node: line.node };
  }
  signal.throwIfAborted();
  const [first] = failures;
  if (first === undefined) {
    if (engines.length > 1) yield { status: 'success' };
  } else if (engines.length === 1) {
    yield { error: first.message, node: first.node };
  } else {
    yield { error: `failed on ${failures.map(({ node, message }) => `${node}: ${message}`).join('; ')}` };
  }
}

interface NodeLine {
  readonly node: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly failure?: string;
}

/** Never throws: a node's failure is a line, so that the others go on. */
async function* pullAt(
  engine: EngineView,
  body: Readonly<Record<string, unknown>>,
  { runner, signal }: { readonly runner: OperationRunner; readonly signal: AbortSignal },
): AsyncGenerator<NodeLine> {
  const node = engine.node.name;
  let success: NodeLine['fields'] | undefined;
  try {
    for await (const fields of readJsonLines(chunksOf(runner.run(engine, { name: 'pull', body }, signal)))) {
      const { error } = fields;
      if (error !== undefined)
        throw new ClusterError('engine-failed', typeof error === 'string' ? error : JSON.stringify(error));
      // A client stops reading at it and asks for the model: it is told when the node is known to have it.
      if (fields['status'] === 'success') success = fields;
      else yield { node, fields };
    }
    if (success === undefined) throw new ClusterError('engine-failed', 'the pull stopped before it was done');
    yield { node, fields: success };
  } catch (thrown) {
    yield { node, fields: {}, failure: toClusterError(thrown).message };
  }
}

async function* chunksOf(frames: ReturnType<OperationRunner['run']>): AsyncGenerator<Uint8Array> {
  for await (const frame of frames) if (frame.type === 'chunk') yield frame.bytes;
}
