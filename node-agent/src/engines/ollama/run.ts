import { endpoints } from '@waggle/shared/chat/endpoints.ts';
import type { JobHeader } from '@waggle/shared/cluster/job.ts';
import { dialects } from '@waggle/shared/dialects/dialects.ts';
import type { EngineJob } from '../engine-run.ts';
import { isNative, parseBody, toBytes, translate } from '../prepare-job.ts';

const dialect = dialects.ollama;

/** A job as Ollama is asked it: always by `/api/*`, with the context and the keep_alive that its owner decided. */
export function toOllamaJob(job: JobHeader, body: Uint8Array, pathPrefix: string): EngineJob {
  const stream = job.stream;
  if (endpoints[job.endpoint].dialect !== 'ollama') {
    const translated = translate(job, body, 'ollama');
    const { endpoint } = translated;
    return {
      endpoint,
      path: pathPrefix + endpoints[endpoint].path,
      body: toBytes(pin(translated.body, job, job.model)),
      reader: dialect.createEventReader(endpoint, { stream }),
    };
  }
  // Ollama answers with the name it was asked for: where the client's means the same model nothing has to be rewritten.
  const name = isSameName(job.answerModel, job.model) ? job.answerModel : job.model;
  const rewriteModel = name === job.answerModel ? undefined : { from: name, to: job.answerModel };
  const { endpoint } = job;
  return {
    endpoint,
    path: pathPrefix + endpoints[endpoint].path,
    body: toBytes(pin(parseBody(body), job, name)),
    reader: isNative(job, 'ollama')
      ? dialect.createNativeReader(endpoint, { stream, rewriteModel })
      : dialect.createEventReader(endpoint, { stream }),
  };
}

/**
 * Another num_ctx, or none, would make Ollama load the model again; so the pins are written over whatever the client sent. Without a
 * keep_alive it keeps the model as long as it was told last, which is what its owner wants who pins none.
 */
function pin(
  body: Record<string, unknown>,
  { pins, endpoint, stream }: JobHeader,
  model: string,
): Record<string, unknown> {
  body['model'] = model;
  delete body['name'];
  if (pins.keepAliveSeconds === undefined) delete body['keep_alive'];
  else body['keep_alive'] = pins.keepAliveSeconds;
  if (pins.numCtx !== undefined) {
    const { options } = body;
    body['options'] =
      typeof options === 'object' && options !== null ? { ...options, num_ctx: pins.numCtx } : { num_ctx: pins.numCtx };
  }
  if (endpoints[endpoint].kind !== 'embedding') body['stream'] = stream;
  return body;
}

function isSameName(written: string, model: string): boolean {
  return written === model || `${written}:latest` === model;
}
