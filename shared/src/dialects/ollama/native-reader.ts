import { batchKind, type NativeBatch } from '../../chat/answer-batch.ts';
import { type EndpointName, endpoints } from '../../chat/endpoints.ts';
import { toBuffer } from '../../streams/remainder.ts';
import { ndjsonFraming } from '../answers/framing.ts';
import type { Holes } from '../answers/line-shape.ts';
import { NativeStream, parse } from '../answers/native-stream.ts';
import { endedEarly, notAnAnswer, notJson } from '../answers/stream-errors.ts';
import { createWholeReader } from '../answers/whole-reader.ts';
import type { JobStats, ModelRewrite, NativeReader, NativeReaderOptions, WholeAnswer } from '../dialect.ts';
import type { JsonObject } from '../json/json-value.ts';
import { parseOutsideArrays, withModel } from '../requests/outside-arrays.ts';
import { OllamaReading, toTimings } from './answer-reading.ts';
import { toReportedError } from './classify-error.ts';

const holes: Holes = {
  created_at: 0,
  content: batchKind.text,
  response: batchKind.text,
  thinking: batchKind.thinking,
};

export function createNativeReader(
  endpoint: EndpointName,
  { stream, rewriteModel }: NativeReaderOptions,
): NativeReader {
  if (!stream || endpoints[endpoint].kind === 'embedding') {
    return createWholeReader((bytes) => readWholeNative(endpoint, bytes, rewriteModel));
  }
  return new NativeStream({
    framing: ndjsonFraming,
    reading: new OllamaReading(endpoint),
    holes,
    rewriteModel,
  });
}

export function readWholeNative(
  endpoint: EndpointName,
  bytes: Uint8Array,
  rewriteModel?: ModelRewrite,
): WholeAnswer<NativeBatch> {
  const body = toBuffer(bytes);
  if (endpoints[endpoint].kind === 'embedding') return readEmbeddings(endpoint, body, rewriteModel);
  if (body.length === 0) throw endedEarly();
  const reading = new OllamaReading(endpoint);
  const kinds = reading.read(parse(body.toString('utf8')));
  if ((kinds & batchKind.end) === 0) throw endedEarly();
  const { stats } = reading;
  const deltas = stats.usage?.completionTokens ?? 0;
  return { batch: { form: 'native', kinds, deltas, bytes: withModel(body, rewriteModel) }, stats };
}

function readEmbeddings(
  endpoint: EndpointName,
  body: Buffer,
  rewriteModel: ModelRewrite | undefined,
): WholeAnswer<NativeBatch> {
  if (body.length === 0) throw endedEarly();
  const answer = parseOutsideArrays(body);
  if (answer === undefined) throw notJson(undefined);
  if (typeof answer['error'] === 'string') throw toReportedError(answer['error']);
  if (!Array.isArray(answer[vectorsKey(endpoint)])) throw notAnAnswer(`no ${vectorsKey(endpoint)}`);
  return {
    batch: {
      form: 'native',
      kinds: batchKind.embeddings | batchKind.end,
      deltas: 0,
      bytes: withModel(body, rewriteModel),
    },
    stats: embeddingStats(answer),
  };
}

/** Where the two embedding endpoints put their vectors. */
export function vectorsKey(endpoint: EndpointName): 'embeddings' | 'embedding' {
  return endpoint === 'ollama.embed' ? 'embeddings' : 'embedding';
}

export function embeddingStats(answer: JsonObject): JobStats {
  const promptTokens = answer['prompt_eval_count'];
  const timings = toTimings(answer);
  return {
    finishReason: 'stop',
    ...(typeof promptTokens === 'number' ? { usage: { promptTokens, completionTokens: 0 } } : {}),
    ...(timings === undefined ? {} : { timings }),
  };
}
