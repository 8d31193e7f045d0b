import { endpoints } from '@waggle/shared/chat/endpoints.ts';
import type { JobHeader } from '@waggle/shared/cluster/job.ts';
import type { VectorWish } from '@waggle/shared/dialects/dialect.ts';
import { dialects } from '@waggle/shared/dialects/dialects.ts';
import { toVectorWish } from '@waggle/shared/dialects/openai/wished-vectors.ts';
import type { EngineJob } from '../engine-run.ts';
import { toObject } from '../json-facts.ts';
import { isNative, parseBody, toBytes, translate } from '../prepare-job.ts';
import { type ServerPaths, toCallPath } from './paths.ts';

const dialect = dialects.openai;

/**
 * A job as an OpenAI-compatible server is asked it. The client's bytes go on as they are unless the model has another name
 * here, or the token counts of a stream were not asked for: the cluster needs them, the client's answer then lacks them again.
 */
export function toOpenAiJob(job: JobHeader, body: Uint8Array, paths: ServerPaths): EngineJob {
  const { stream } = job;
  if (endpoints[job.endpoint].dialect !== 'openai') {
    const { endpoint, body: translated, vectors } = translate(job, body, 'openai');
    return {
      endpoint,
      path: toCallPath(paths, endpoint),
      body: toBytes(stream ? withUsage(translated) : translated),
      reader: dialect.createEventReader(endpoint, { stream, vectors }),
    };
  }
  const { endpoint } = job;
  const path = toCallPath(paths, endpoint);
  const { bytes, stripUsage } = toEngineBody(job, body);
  const vectors = endpoints[endpoint].kind === 'embedding' ? findVectorWish(body) : undefined;
  if (!isNative(job, 'openai')) {
    return { endpoint, path, body: bytes, reader: dialect.createEventReader(endpoint, { stream, vectors }) };
  }
  // Some servers answer with a name of their own whatever was asked; the reader leaves bytes alone that say the right one already.
  const rewriteModel = { from: job.model, to: job.answerModel };
  return {
    endpoint,
    path,
    body: bytes,
    reader: dialect.createNativeReader(endpoint, { stream, stripUsage, rewriteModel, vectors }),
  };
}

/** Most requests say nothing of the kind and are not parsed for it. */
function findVectorWish(body: Uint8Array): VectorWish | undefined {
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const mayWish = buffer.includes('"encoding_format"') || buffer.includes('"dimensions"');
  return mayWish ? toVectorWish(parseBody(body)) : undefined;
}

interface EngineBody {
  readonly bytes: Uint8Array;
  readonly stripUsage: boolean;
}

const streamOptions = Buffer.from('"stream_options"');
const usageMember = Buffer.from('"stream_options":{"include_usage":true},');
const brace = '{'.charCodeAt(0);

function toEngineBody(job: JobHeader, body: Uint8Array): EngineBody {
  const isNamedAlike = job.model === job.answerModel;
  const needsUsage = job.stream && endpoints[job.endpoint].kind !== 'embedding';
  if (isNamedAlike && !needsUsage) return { bytes: body, stripUsage: false };
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (isNamedAlike && !buffer.includes(streamOptions)) {
    // No such member anywhere: it is put in front of the others, without reading them.
    const start = buffer.indexOf(brace) + 1;
    return { bytes: Buffer.concat([buffer.subarray(0, start), usageMember, buffer.subarray(start)]), stripUsage: true };
  }
  const parsed = parseBody(body);
  parsed['model'] = job.model;
  const asksUsage = toObject(parsed['stream_options'])['include_usage'] === true;
  return { bytes: toBytes(needsUsage ? withUsage(parsed) : parsed), stripUsage: needsUsage && !asksUsage };
}

function withUsage(body: Record<string, unknown>): Record<string, unknown> {
  return { ...body, stream_options: { ...toObject(body['stream_options']), include_usage: true } };
}
