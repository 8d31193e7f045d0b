import { ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { EngineView } from '../cluster/views.ts';
import { mergeStreams } from './merge-streams.ts';
import { type AnswerFrame, type OperationAnswer, type OperationRunner, readAnswer } from './operation-runner.ts';
import { readJsonLines } from './read-json-lines.ts';
import { listFailures, type NodeFailure, toRefusal } from './run-everywhere.ts';

/** One step of work that takes a while: an engine's own line with the node it came from, or the last line of all. */
export type ReportLine = Readonly<Record<string, unknown>>;

interface RunDeps {
  readonly runner: OperationRunner;
  readonly signal: AbortSignal;
}

/** Line by line, or at once: where the engine refuses, or where only the end is wanted. */
export type ReportedAnswer =
  | { readonly form: 'lines'; readonly lines: AsyncGenerator<ReportLine> }
  | { readonly form: 'answer'; readonly answer: OperationAnswer };

/**
 * Work that takes a while, which engines report on. One node's answer is handed on as it is, its lines with the node's name; of several nodes
 * the lines come as they come, and end with one `status: success` or with one `error` that names the nodes it failed on. `stream`: as the
 * client wants it. Rejects where no engine has begun it; what breaks off later ends in an `error` line.
 */
export async function runReported(
  tasks: readonly ReportedTask[],
  stream: boolean,
  deps: RunDeps,
): Promise<ReportedAnswer> {
  const [only] = tasks;
  if (only !== undefined && tasks.length === 1) return reportFrom(withStream(only, stream), deps);
  const lines = reportFromAll(
    tasks.map((task) => withStream(task, true)),
    deps,
  );
  return stream ? { form: 'lines', lines } : { form: 'answer', answer: await lastOf(lines) };
}

export interface ReportedTask {
  readonly engine: EngineView;
  readonly operation: { readonly name: 'pull' | 'create' | 'push'; readonly body: ReportLine };
}

function withStream({ engine, operation }: ReportedTask, stream: boolean): ReportedTask {
  return { engine, operation: { ...operation, body: { ...operation.body, stream } } };
}

/** How it ended, with the status Ollama has for it. */
async function lastOf(lines: AsyncIterable<ReportLine>): Promise<OperationAnswer> {
  let last: ReportLine = {};
  for await (const line of lines) last = line;
  const status = last['error'] === undefined ? 200 : 500;
  return { status, contentType: 'application/json', body: Buffer.from(JSON.stringify(last)) };
}

async function reportFrom({ engine, operation }: ReportedTask, { runner, signal }: RunDeps): Promise<ReportedAnswer> {
  const frames = runner.run(engine, operation, signal);
  const first = await frames.next();
  if (first.done === true || first.value.type !== 'head')
    throw new ClusterError('engine-failed', `node ${engine.node.name} gave no answer`);
  const head = first.value;
  if (head.status >= 300 || !isLines(head.contentType))
    return { form: 'answer', answer: await readAnswer(frames, engine, head) };
  return { form: 'lines', lines: toLines(engine, frames, operation.name) };
}

async function* toLines(
  engine: EngineView,
  frames: AsyncIterable<AnswerFrame>,
  work: string,
): AsyncGenerator<ReportLine> {
  const node = engine.node.name;
  for await (const line of linesOf(engine, frames, work))
    yield line.failure === undefined ? { ...line.fields, node } : { error: line.failure.message, node };
}

/** Throws where all of them refuse it at once. */
async function* reportFromAll(tasks: readonly ReportedTask[], deps: RunDeps): AsyncGenerator<ReportLine> {
  const failures: NodeFailure[] = [];
  let isBegun = false;
  const work = tasks[0]?.operation.name ?? 'pull';
  for await (const { node, fields, failure } of mergeStreams(tasks.map((task) => startLines(task, deps)))) {
    if (failure !== undefined) {
      failures.push({ node, error: failure });
      continue;
    }
    isBegun = true;
    // A client stops reading at the first success; the nodes that go on are not to be cut off by it.
    yield fields['status'] === 'success' ? { status: doneWords[work], node } : { ...fields, node };
  }
  deps.signal.throwIfAborted();
  const [first] = failures;
  if (first === undefined) yield { status: 'success' };
  else if (!isBegun && failures.length === tasks.length) throw first.error;
  else yield { error: `failed on ${listFailures(failures)}` };
}

const doneWords = { pull: 'pulled', create: 'created', push: 'pushed' } as const;

interface NodeLine {
  readonly node: string;
  readonly fields: ReportLine;
  /** The last one, instead of a success. */
  readonly failure?: ClusterError;
}

/** Never throws: a node's failure is a line, so that the others go on. */
async function* startLines({ engine, operation }: ReportedTask, { runner, signal }: RunDeps): AsyncGenerator<NodeLine> {
  const frames = runner.run(engine, operation, signal);
  try {
    const first = await frames.next();
    if (first.done !== true && first.value.type === 'head' && first.value.status >= 300) {
      const { status, body } = await readAnswer(frames, engine, first.value);
      yield { node: engine.node.name, fields: {}, failure: toRefusal(status, body.toString('utf8')) };
      return;
    }
  } catch (thrown) {
    yield { node: engine.node.name, fields: {}, failure: toClusterError(thrown) };
    return;
  }
  yield* linesOf(engine, frames, operation.name);
}

/** What an engine reports, its success once the node is known to have what was made; or why there is none. */
async function* linesOf(
  engine: EngineView,
  frames: AsyncIterable<AnswerFrame>,
  work: string,
): AsyncGenerator<NodeLine> {
  const node = engine.node.name;
  let success: ReportLine | undefined;
  try {
    for await (const fields of readJsonLines(chunksOf(frames))) {
      const { error } = fields;
      if (error !== undefined)
        throw new ClusterError('engine-failed', typeof error === 'string' ? error : JSON.stringify(error));
      if (fields['status'] === 'success') success = fields;
      else yield { node, fields };
    }
    if (success === undefined) throw new ClusterError('engine-failed', `the ${work} stopped before it was done`);
    yield { node, fields: success };
  } catch (thrown) {
    yield { node, fields: {}, failure: toClusterError(thrown) };
  }
}

function isLines(contentType: string): boolean {
  return contentType.startsWith('application/x-ndjson');
}

async function* chunksOf(frames: AsyncIterable<AnswerFrame>): AsyncGenerator<Uint8Array> {
  for await (const frame of frames) if (frame.type === 'chunk') yield frame.bytes;
}
