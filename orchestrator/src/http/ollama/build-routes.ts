import { checkText } from '@waggle/shared/dialects/json/go-json.ts';
import { isObject, toText } from '@waggle/shared/dialects/json/json-value.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import { type BlobDeps, BlobPlaces, type WantedFile } from '../../operations/blob-places.ts';
import { copyModel } from '../../operations/copy-model.ts';
import { createModel } from '../../operations/create-model.ts';
import { ModelTurns } from '../../operations/model-turns.ts';
import { pushModel } from '../../operations/push-model.ts';
import { type BodyStream, streamBody } from '../body/body-stream.ts';
import type { Pulse } from '../pulse.ts';
import type { Handler, HttpContext, Route } from '../route.ts';
import { answerResponse, reportResponse, withNodes } from './answer-response.ts';
import { isName, modelRequired, nameOf, nodeChoice, readFields } from './model-fields.ts';
import type { ModelRouteDeps } from './model-routes.ts';

export interface BuildRouteDeps extends ModelRouteDeps {
  readonly clock: Clock;
  readonly pulse: Pulse;
  /** Longest pause without a byte of a file. */
  readonly readTimeoutMs: number;
}

/** Making models, their files, and sending them to a registry: for administrators. */
export function ollamaBuildRoutes(deps: BuildRouteDeps): readonly Route[] {
  const { adminOnly } = deps;
  const turns = new ModelTurns();
  const blobs = new BlobPlaces(deps.clock);
  const path = '/api/blobs/:digest';
  return [
    { method: 'POST', path: '/api/copy', handler: adminOnly(createCopy(deps, turns)) },
    { method: 'POST', path: '/api/create', handler: adminOnly(createCreate(deps, turns, blobs)) },
    { method: 'POST', path: '/api/push', handler: adminOnly(createPush(deps)) },
    { method: 'HEAD', path, handler: adminOnly(createBlobHead(deps, blobs)) },
    { method: 'POST', path, handler: adminOnly(createBlobPost(deps, blobs)) },
  ];
}

function createCopy({ cluster, runner, readObject }: BuildRouteDeps, turns: ModelTurns): Handler {
  return async (context) => {
    const { source, destination } = await readFields(context, { readObject, struct: 'CopyRequest' });
    checkText(source, 'CopyRequest.source');
    checkText(destination, 'CopyRequest.destination');
    const names = { source: toText(source) ?? '', destination: toText(destination) ?? '' };
    for (const [param, name] of Object.entries(names)) {
      if (!isName(name)) throw new ClusterError('bad-request', `${param} "${name}" is invalid`, { details: { param } });
    }
    const nodes = await copyModel(
      { ...names, choice: nodeChoice(context) },
      { cluster, runner, turns, signal: context.req.raw.signal },
    );
    return withNodes(nodes, new Response(null, { status: 200, headers: { 'content-length': '0' } }));
  };
}

function createCreate({ cluster, runner, readObject }: BuildRouteDeps, turns: ModelTurns, blobs: BlobPlaces): Handler {
  return async (context) => {
    const fields = await readFields(context, { readObject, struct: 'CreateRequest' });
    const model = nameOf(fields, 'CreateRequest');
    checkText(fields['from'], 'CreateRequest.from');
    if (!isName(model)) throw new ClusterError('bad-request', 'invalid model name', { details: { param: 'model' } });
    const { name: _name, from, stream = true, ...rest } = fields;
    const digests = ['files', 'adapters', 'draft_files'].flatMap((key) => digestsOf(fields[key]));
    const wanted = {
      model,
      from: toText(from) || undefined,
      digests: [...new Set(digests)],
      fields: rest,
      choice: nodeChoice(context),
      stream: stream !== false,
    };
    const { nodes, answer } = await createModel(wanted, { cluster, runner, turns, signal: context.req.raw.signal });
    blobs.forget(clientOf(context));
    return withNodes(nodes, await reportResponse(answer));
  };
}

function digestsOf(files: unknown): readonly string[] {
  return isObject(files) ? Object.values(files).filter((digest) => typeof digest === 'string') : [];
}

function createPush({ cluster, runner, readObject }: BuildRouteDeps): Handler {
  return async (context) => {
    const fields = await readFields(context, { readObject, struct: 'PushRequest' });
    const model = nameOf(fields, 'PushRequest');
    if (model === '') throw modelRequired();
    const { name: _name, stream = true, ...rest } = fields;
    const { node, attempts, answer } = await pushModel(
      { model, fields: rest, choice: nodeChoice(context), stream: stream !== false },
      { cluster, runner, signal: context.req.raw.signal },
    );
    return withNodes([node], await reportResponse(answer), attempts);
  };
}

function createBlobHead({ cluster, runner }: BuildRouteDeps, blobs: BlobPlaces): Handler {
  return async (context) => {
    const deps: BlobDeps = { cluster, runner, signal: context.req.raw.signal };
    const digest = digestOf(context);
    const engine = await blobs.placeFor(fileOf(context, digest, false), deps);
    const answer = await runner.runWhole(engine, { name: 'blob-head', body: { digest } }, deps.signal);
    return withNodes([engine.node.name], answerResponse(answer));
  };
}

/** The file goes on as it comes: neither this process nor the node's ever has more of it than a few parts. */
function createBlobPost(deps: BuildRouteDeps, blobs: BlobPlaces): Handler {
  const { cluster, runner, pulse, readTimeoutMs } = deps;
  return async (context) => {
    const { incoming } = context.env;
    const { signal } = context.req.raw;
    const digest = digestOf(context);
    const engine = await blobs.placeFor(fileOf(context, digest, true), { cluster, runner, signal });
    const length = incoming.headers['content-length'];
    const body = { digest, ...(length === undefined ? {} : { size: Number(length) }) };
    const content = streamBody(incoming, { timeoutMs: readTimeoutMs, pulse });
    const answer = await runner
      .runWhole(engine, { name: 'blob-put', body, content }, signal)
      .catch((thrown: unknown) => rethrow(content, thrown));
    return withNodes([engine.node.name], answerResponse(answer));
  };
}

/** What the client broke off, the engine could only call a broken request. */
function rethrow({ failure }: BodyStream, thrown: unknown): never {
  throw failure ?? thrown;
}

function digestOf({ req }: HttpContext): string {
  const digest = req.param('digest') ?? '';
  if (/^sha256[:-][\da-f]{64}$/i.test(digest)) return digest;
  throw new ClusterError('bad-request', 'invalid digest format', { details: { param: 'digest' } });
}

function fileOf(context: HttpContext, digest: string, isSent: boolean): WantedFile {
  return { client: clientOf(context), digest, choice: nodeChoice(context), isSent };
}

function clientOf({ env }: HttpContext): string {
  return env.incoming.socket.remoteAddress ?? '';
}
