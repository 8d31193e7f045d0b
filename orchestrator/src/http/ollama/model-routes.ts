import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { isModelFile } from '../../cluster/model-names.ts';
import { deleteModel } from '../../operations/delete-model.ts';
import type { OperationRunner } from '../../operations/operation-runner.ts';
import { type OperationCluster, pullTarget } from '../../operations/places.ts';
import { runReported } from '../../operations/run-reported.ts';
import { type ShownModel, showModel } from '../../operations/show-model.ts';
import type { ReadObject } from '../body/read-object.ts';
import { jsonResponse } from '../json-response.ts';
import type { AdminGuard } from '../middleware/admin-guard.ts';
import type { Handler, Route } from '../route.ts';
import { answerResponse, reportResponse, withNodes } from './answer-response.ts';
import { describeReport } from './model-entries.ts';
import { isName, modelRequired, nameOf, nodeChoice, readFields } from './model-fields.ts';

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
    return withNodes([shown.place.engine.node.name], toShowResponse(shown), shown.attempts);
  };
}

function toShowResponse(shown: ShownModel): Response {
  return shown.form === 'report' ? jsonResponse(describeReport(shown.place)) : answerResponse(shown.answer);
}

function createDelete({ cluster, runner, readObject }: ModelRouteDeps): Handler {
  return async (context) => {
    const fields = await readFields(context, { readObject, struct: 'DeleteRequest' });
    const model = nameOf(fields, 'DeleteRequest');
    if (model.trim() === '') throw modelRequired();
    if (!isName(model))
      throw new ClusterError('bad-request', `name "${model}" is invalid`, { details: { param: 'model' } });
    const nodes = await deleteModel(model, { cluster, runner, signal: context.req.raw.signal });
    return withNodes(nodes, new Response(null, { status: 200, headers: { 'content-length': '0' } }));
  };
}

function createPull({ cluster, runner, readObject }: ModelRouteDeps): Handler {
  return async (context) => {
    const fields = await readFields(context, { readObject, struct: 'PullRequest' });
    const name = nameOf(fields, 'PullRequest');
    if (!isName(name) && !isModelFile(name))
      throw new ClusterError('bad-request', 'invalid model name', { details: { param: 'model' } });
    const { name: _name, stream = true, ...rest } = fields;
    const { model, engines } = pullTarget(name, nodeChoice(context), cluster);
    const tasks = engines.map((engine) => {
      return { engine, operation: { name: 'pull', body: { ...rest, model } } } as const;
    });
    const answer = await runReported(tasks, stream !== false, { runner, signal: context.req.raw.signal });
    return withNodes(
      engines.map(({ node }) => node.name),
      await reportResponse(answer),
    );
  };
}
