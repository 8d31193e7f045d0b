import { checkText } from '@waggle/shared/dialects/go-json.ts';
import type { JsonObject } from '@waggle/shared/dialects/json-value.ts';
import { withExactModelKeys } from '@waggle/shared/dialects/ollama/body-keys.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { isModelName, splitNodeSuffix } from '../../cluster/model-names.ts';
import { deleteModel } from '../../operations/delete-model.ts';
import type { OperationRunner } from '../../operations/operation-runner.ts';
import { type NodeChoice, type OperationCluster, pullTarget } from '../../operations/places.ts';
import { type PullLine, pullModel } from '../../operations/pull-model.ts';
import { type ShownModel, showModel } from '../../operations/show-model.ts';
import { nodeHeader, toHeaderText } from '../answer-headers.ts';
import type { ReadObject } from '../body/read-object.ts';
import { jsonResponse } from '../json-response.ts';
import type { AdminGuard } from '../middleware/admin-guard.ts';
import { ndjsonResponse } from '../ndjson-response.ts';
import type { Handler, HttpContext, Route } from '../route.ts';
import { describeReport } from './model-entries.ts';

export interface ModelRouteDeps {
  readonly cluster: OperationCluster;
  readonly runner: OperationRunner;
  readonly readObject: ReadObject;
  readonly adminOnly: AdminGuard;
}

/** Work on models: describing, pulling, deleting. What changes models is for administrators. */
export function ollamaModelRoutes(deps: ModelRouteDeps): readonly Route[] {
  return [
    { method: 'POST', path: '/api/show', handler: createShow(deps) },
    { method: 'POST', path: '/api/pull', handler: deps.adminOnly(createPull(deps)) },
    { method: 'DELETE', path: '/api/delete', handler: deps.adminOnly(createDelete(deps)) },
  ];
}

function createShow({ cluster, runner, readObject }: ModelRouteDeps): Handler {
  return async (context) => {
    const fields = await readFields(context, { readObject, struct: 'ShowRequest' });
    const model = nameOf(fields, 'ShowRequest');
    if (model.trim() === '') throw modelRequired();
    const shown = await showModel(model, fields, { cluster, runner, signal: context.req.raw.signal });
    return withNode(shown.place.engine.node.name, toShowResponse(shown));
  };
}

function toShowResponse(shown: ShownModel): Response {
  if (shown.form === 'report') return jsonResponse(describeReport(shown.place));
  const { status, contentType, body } = shown.answer;
  return new Response(new Uint8Array(body), {
    status,
    headers: { 'content-type': contentType, 'content-length': String(body.length) },
  });
}

function withNode(node: string, response: Response): Response {
  response.headers.set(nodeHeader, toHeaderText(node));
  return response;
}

function createDelete({ cluster, runner, readObject }: ModelRouteDeps): Handler {
  return async (context) => {
    const fields = await readFields(context, { readObject, struct: 'DeleteRequest' });
    const model = nameOf(fields, 'DeleteRequest');
    if (model.trim() === '') throw modelRequired();
    if (!isName(model))
      throw new ClusterError('bad-request', `name "${model}" is invalid`, { details: { param: 'model' } });
    await deleteModel(model, { cluster, runner, signal: context.req.raw.signal });
    return new Response(null, { status: 200, headers: { 'content-length': '0' } });
  };
}

function createPull({ cluster, runner, readObject }: ModelRouteDeps): Handler {
  return async (context) => {
    const { model: _model, name: _name, stream = true, ...fields } = await readNamed(context, readObject);
    const target = pullTarget(nameOf({ model: _model, name: _name }, 'PullRequest'), nodeChoice(context), cluster);
    const lines = pullModel(target, fields, { runner, signal: context.req.raw.signal });
    return stream === false ? lastLine(lines) : ndjsonResponse(lines);
  };
}

/** What is judged is what the engine is sent: the keys of a body count whatever their case, as they do there. */
async function readFields(
  context: HttpContext,
  { readObject, struct }: { readonly readObject: ReadObject; readonly struct: string },
): Promise<JsonObject> {
  return withExactModelKeys(await readObject(context, struct));
}

async function readNamed(context: HttpContext, readObject: ReadObject): Promise<JsonObject> {
  const fields = await readFields(context, { readObject, struct: 'PullRequest' });
  if (isName(nameOf(fields, 'PullRequest'))) return fields;
  throw new ClusterError('bad-request', 'invalid model name', { details: { param: 'model' } });
}

/** An unstreamed pull says only how it ended, a failure with the status Ollama has for it. */
async function lastLine(lines: AsyncIterable<PullLine>): Promise<Response> {
  let last: PullLine = {};
  for await (const line of lines) last = line;
  return last['error'] === undefined
    ? jsonResponse(last)
    : jsonResponse(last, { status: 500, contentType: 'application/json' });
}

function nodeChoice({ req }: HttpContext): NodeChoice {
  const wanted = req.query('node');
  if (wanted === undefined || wanted === '') return 'best';
  return wanted === '*' ? 'all' : wanted.split(',').map((name) => name.trim());
}

/** Ollama still takes `name`, as its older clients say. `struct` is what it calls the request. */
function nameOf({ model, name }: JsonObject, struct: string): string {
  checkText(model, `${struct}.model`);
  checkText(name, `${struct}.name`);
  const wanted = model || name;
  return typeof wanted === 'string' ? wanted : '';
}

function modelRequired(): ClusterError {
  return new ClusterError('bad-request', 'model is required', { details: { param: 'model' } });
}

/** What may go into a registry path or an engine's store, perhaps of one node: no way up, no blanks inside, nothing absolute. */
function isName(name: string): boolean {
  return isModelName(splitNodeSuffix(name)?.model ?? name);
}
