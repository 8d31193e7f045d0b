import { endpoints } from '@waggle/shared/chat/endpoints.ts';
import type { JobHeader } from '@waggle/shared/cluster/job.ts';
import type { VectorWish } from '@waggle/shared/dialects/dialect.ts';
import { dialects } from '@waggle/shared/dialects/dialects.ts';
import { JsonMembers } from '@waggle/shared/dialects/json/json-members.ts';
import { toVectorWish } from '@waggle/shared/dialects/openai/wished-vectors.ts';
import type { EngineJob } from '../engine-run.ts';
import { type JsonObject, toObject } from '../json-facts.ts';
import { isNative, toParts, translate } from '../prepare-job.ts';
import { type ServerPaths, toCallPath } from './paths.ts';
import type { ServerKind } from './server-kind.ts';

const dialect = dialects.openai;

/**
 * A job as an OpenAI-compatible server of that kind is asked it. The client's bytes go on as they are unless the model has another name
 * here, or the token counts of a stream were not asked for: the cluster needs them, the client's answer then lacks them again.
 */
export function toOpenAiJob(
  job: JobHeader,
  given: Uint8Array,
  { paths, kind }: { readonly paths: ServerPaths; readonly kind: ServerKind | undefined },
): EngineJob {
  const body = kind === 'llama-server' && isAskedForEvents(job) ? askForStopWord(given) : given;
  const { stream } = job;
  if (endpoints[job.endpoint].dialect !== 'openai') {
    const { endpoint, body: translated, vectors } = translate(job, body, 'openai');
    return {
      endpoint,
      path: toCallPath(paths, endpoint),
      body: toParts(stream ? { ...translated, stream_options: withUsage(translated['stream_options']) } : translated),
      reader: dialect.createEventReader(endpoint, { stream, vectors }),
    };
  }
  const { endpoint } = job;
  const path = toCallPath(paths, endpoint);
  const { parts, stripUsage, vectors } = toEngineBody(job, body);
  if (!isNative(job, 'openai') || (kind === 'llama-server' && hasOwnLogprobs(job, body))) {
    return { endpoint, path, body: parts, reader: dialect.createEventReader(endpoint, { stream, vectors }) };
  }
  // Some servers answer with a name of their own whatever was asked; the reader leaves bytes alone that say the right one already.
  const rewriteModel = { from: job.model, to: job.answerModel };
  return {
    endpoint,
    path,
    body: parts,
    reader: dialect.createNativeReader(endpoint, { stream, stripUsage, rewriteModel, vectors }),
  };
}

function isAskedForEvents(job: JobHeader): boolean {
  return job.answer === 'events' && job.endpoint === 'openai.chat';
}

/** llama-server tells which of the stop strings it was where it is asked to be verbose, and there alone. */
function askForStopWord(body: Uint8Array): Uint8Array {
  const members = new JsonMembers(body, ['stop', 'verbose']);
  const stop = members.value('stop');
  return stop === undefined || stop === null ? body : Buffer.concat(members.with({ verbose: true }));
}

/** llama-server lists the log probabilities of a completion in a form of its own. Of several answers an event reader reads the first. */
function hasOwnLogprobs({ endpoint }: JobHeader, body: Uint8Array): boolean {
  if (endpoint !== 'openai.completions') return false;
  const members = new JsonMembers(body, ['logprobs', 'prompt', 'n']);
  return (
    (members.value('logprobs') ?? null) !== null &&
    typeof members.value('prompt') === 'string' &&
    (members.value('n') ?? 1) === 1
  );
}

interface EngineBody {
  readonly parts: readonly Uint8Array[];
  readonly stripUsage: boolean;
  readonly vectors: VectorWish | undefined;
}

const generationMembers = ['model', 'stream_options'];
/** A small request is searched for the text of a member in half the time its members take to be found. */
const searchedMaxBytes = 4_096;
const streamOptions = Buffer.from('"stream_options"');
const withUsageMember = Buffer.from('{"stream_options":{"include_usage":true},');
const brace = '{'.charCodeAt(0);
const embeddingMembers = ['model', 'encoding_format', 'dimensions'];

function toEngineBody({ endpoint, model, answerModel, stream }: JobHeader, body: Uint8Array): EngineBody {
  if (endpoints[endpoint].kind === 'embedding') {
    const members = new JsonMembers(body, embeddingMembers);
    const vectors = toVectorWish({
      dimensions: members.value('dimensions'),
      encoding_format: members.value('encoding_format'),
    });
    return { parts: members.with({ model }), stripUsage: false, vectors };
  }
  if (model === answerModel && !stream) return { parts: [body], stripUsage: false, vectors: undefined };
  if (model === answerModel && body.byteLength <= searchedMaxBytes) {
    const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    if (!buffer.includes(streamOptions)) {
      const rest = buffer.subarray(buffer.indexOf(brace) + 1);
      return { parts: [Buffer.concat([withUsageMember, rest])], stripUsage: true, vectors: undefined };
    }
  }
  const members = new JsonMembers(body, generationMembers);
  if (!stream) return { parts: members.with({ model }), stripUsage: false, vectors: undefined };
  const options = members.value('stream_options');
  const parts = members.with({ model, stream_options: withUsage(options) });
  return { parts, stripUsage: toObject(options)['include_usage'] !== true, vectors: undefined };
}

function withUsage(asked: unknown): JsonObject {
  return { ...toObject(asked), include_usage: true };
}
