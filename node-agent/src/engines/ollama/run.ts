import { endpoints } from '@waggle/shared/chat/endpoints.ts';
import type { JobHeader } from '@waggle/shared/cluster/job.ts';
import { dialects } from '@waggle/shared/dialects/dialects.ts';
import { JsonMembers } from '@waggle/shared/dialects/json/json-members.ts';
import type { EngineJob } from '../engine-run.ts';
import { toObject } from '../json-facts.ts';
import { isNative, toParts, translate } from '../prepare-job.ts';

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
      body: toParts({ ...translated.body, ...toPinned(job, job.model, translated.body['options']) }),
      reader: dialect.createEventReader(endpoint, { stream }),
    };
  }
  // Ollama answers with the name it was asked for: where the client's means the same model nothing has to be rewritten.
  const name = isSameName(job.answerModel, job.model) ? job.answerModel : job.model;
  const rewriteModel = name === job.answerModel ? undefined : { from: name, to: job.answerModel };
  const { endpoint } = job;
  const members = new JsonMembers(body, pinnedMembers);
  return {
    endpoint,
    path: pathPrefix + endpoints[endpoint].path,
    body: members.with(toPinned(job, name, members.value('options'))),
    reader: isNative(job, 'ollama')
      ? dialect.createNativeReader(endpoint, { stream, rewriteModel })
      : dialect.createEventReader(endpoint, { stream }),
  };
}

const pinnedMembers = ['model', 'name', 'keep_alive', 'options', 'stream'];

/**
 * Another num_ctx or num_thread, or none, would make Ollama load the model again; so the pins are written over whatever the client sent. Without a
 * keep_alive it keeps the model as long as it was told last, which is what its owner wants who pins none.
 */
function toPinned({ pins, endpoint, stream }: JobHeader, model: string, options: unknown): Record<string, unknown> {
  const { numCtx, startOptions, keepAliveSeconds } = pins;
  return {
    model,
    name: undefined,
    keep_alive: keepAliveSeconds,
    ...(numCtx === undefined && startOptions === undefined
      ? {}
      : { options: { ...toObject(options), ...startOptions, ...(numCtx === undefined ? {} : { num_ctx: numCtx }) } }),
    ...(endpoints[endpoint].kind === 'embedding' ? {} : { stream }),
  };
}

function isSameName(written: string, model: string): boolean {
  return written === model || `${written}:latest` === model;
}
