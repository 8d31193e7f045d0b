import { batchKind, type NativeBatch } from '../../chat/answer-batch.ts';
import { type EndpointName, endpoints } from '../../chat/endpoints.ts';
import { toBuffer } from '../../streams/remainder.ts';
import { sseFraming } from '../answers/framing.ts';
import type { Holes } from '../answers/line-shape.ts';
import { NativeStream, parse } from '../answers/native-stream.ts';
import { endedEarly, notAnAnswer, notJson } from '../answers/stream-errors.ts';
import { createWholeReader } from '../answers/whole-reader.ts';
import type { JobStats, ModelRewrite, NativeReader, NativeReaderOptions, VectorWish, WholeAnswer } from '../dialect.ts';
import type { JsonObject } from '../json/json-value.ts';
import { parseOutsideArrays, withModel } from '../requests/outside-arrays.ts';
import { choicesOf, OpenaiReading, toChunk, toUsage } from './answer-reading.ts';
import { withRequiredNulls } from './required-nulls.ts';
import { toWishedVectors } from './wished-vectors.ts';

const holes: Holes = {
  content: batchKind.text,
  text: batchKind.text,
  reasoning: batchKind.thinking,
  reasoning_content: batchKind.thinking,
};

export function createNativeReader(endpoint: EndpointName, options: NativeReaderOptions): NativeReader {
  const { stream, rewriteModel, stripUsage, vectors } = options;
  if (!stream || endpoints[endpoint].kind === 'embedding') {
    return createWholeReader((bytes) => readWhole(endpoint, bytes, { rewriteModel, vectors }));
  }
  return new NativeStream({
    framing: sseFraming,
    reading: new OpenaiReading(),
    holes,
    rewriteModel,
    stripUsage,
  });
}

export function readWholeNative(
  endpoint: EndpointName,
  bytes: Uint8Array,
  rewriteModel?: ModelRewrite,
): WholeAnswer<NativeBatch> {
  return readWhole(endpoint, bytes, { rewriteModel, vectors: undefined });
}

interface Changes {
  readonly rewriteModel: ModelRewrite | undefined;
  readonly vectors: VectorWish | undefined;
}

function readWhole(endpoint: EndpointName, bytes: Uint8Array, changes: Changes): WholeAnswer<NativeBatch> {
  const body = toBuffer(bytes);
  if (body.length === 0) throw endedEarly();
  if (endpoints[endpoint].kind === 'embedding') return readEmbeddings(body, changes);
  const { rewriteModel } = changes;
  const reading = new OpenaiReading();
  const answer = toChunk(parse(body.toString('utf8')));
  const kinds = reading.read(answer) & ~batchKind.opening;
  if (choicesOf(answer).length === 0) throw notAnAnswer('no choices');
  const { stats } = reading;
  const deltas = stats.usage?.completionTokens ?? 1;
  return {
    batch: {
      form: 'native',
      kinds: kinds | batchKind.end,
      deltas,
      bytes: withModel(withRequiredNulls(body, answer), rewriteModel),
    },
    stats,
  };
}

function readEmbeddings(body: Buffer, { rewriteModel, vectors }: Changes): WholeAnswer<NativeBatch> {
  const parsed = parseOutsideArrays(body);
  if (parsed === undefined) throw notJson(undefined);
  const answer = toChunk(parsed);
  if (!Array.isArray(answer['data'])) throw notAnAnswer('no data');
  return {
    batch: {
      form: 'native',
      kinds: batchKind.embeddings | batchKind.end,
      deltas: 0,
      bytes: toWishedVectors(withModel(body, rewriteModel), vectors),
    },
    stats: embeddingStats(answer),
  };
}

export function embeddingStats(answer: JsonObject): JobStats {
  const usage = toUsage(answer['usage']);
  return { finishReason: 'stop', ...(usage === undefined ? {} : { usage }) };
}
