import { type TypedBatch, toTypedBatch } from '../../chat/answer-batch.ts';
import type { ChatEvent, TokenLogprob } from '../../chat/chat-event.ts';
import { type EndpointName, endpoints } from '../../chat/endpoints.ts';
import type { ToolCall } from '../../chat/generation-request.ts';
import { toBuffer } from '../../streams/remainder.ts';
import { type EventDecoding, EventStream } from '../answers/event-stream.ts';
import { sseFraming } from '../answers/framing.ts';
import { readListedLogprobs, readLogprobs } from '../answers/logprobs.ts';
import { parse } from '../answers/native-stream.ts';
import { endedEarly, notAnAnswer } from '../answers/stream-errors.ts';
import { createWholeReader } from '../answers/whole-reader.ts';
import type { EventReader, EventReaderOptions, JobStats, VectorWish, WholeAnswer } from '../dialect.ts';
import { isFilled, isObject, type JsonObject, toArray, toNumber } from '../json/json-value.ts';
import { choicesOf, partOf, Totals, toChunk } from './answer-reading.ts';
import { embeddingStats } from './native-reader.ts';
import { createToolCallJoiner } from './tool-call-joiner.ts';
import { decodeVector } from './vector-base64.ts';
import { toWishedLength } from './wished-vectors.ts';

export function createEventReader(endpoint: EndpointName, { stream, vectors }: EventReaderOptions): EventReader {
  if (!stream || endpoints[endpoint].kind === 'embedding') {
    return createWholeReader((bytes) => readWhole(endpoint, bytes, vectors));
  }
  return new EventStream(sseFraming, new OpenaiDecoding());
}

export function readWholeEvents(endpoint: EndpointName, bytes: Uint8Array): WholeAnswer<TypedBatch> {
  return readWhole(endpoint, bytes, undefined);
}

function readWhole(endpoint: EndpointName, bytes: Uint8Array, wish: VectorWish | undefined): WholeAnswer<TypedBatch> {
  const body = toBuffer(bytes);
  if (body.length === 0) throw endedEarly();
  const answer = toChunk(parse(body.toString('utf8')));
  if (endpoints[endpoint].kind === 'embedding') return readEmbeddings(answer, wish);
  if (choicesOf(answer).length === 0) throw notAnAnswer('no choices');
  const decoding = new OpenaiDecoding();
  const events: ChatEvent[] = [];
  decoding.decode(answer, events);
  decoding.end(events);
  return { batch: toTypedBatch(events), stats: decoding.stats };
}

/** Of several choices the first is read: whoever asks for events gets one answer. */
class OpenaiDecoding implements EventDecoding {
  isEnded = false;
  readonly #totals = new Totals();
  readonly #joiner = createToolCallJoiner();
  #hasToolCalls = false;

  decode(value: unknown, events: ChatEvent[]): void {
    const chunk = toChunk(value);
    this.#totals.note(chunk);
    for (const choice of choicesOf(chunk)) {
      if ((choice['index'] ?? 0) !== 0) continue;
      const { text, thinking, toolCalls } = partOf(choice);
      if (isFilled(thinking)) events.push({ type: 'thinking-delta', text: thinking });
      const logprobs = logprobsOf(choice);
      if (logprobs !== undefined) events.push({ type: 'text-delta', text: text ?? '', logprobs });
      else if (isFilled(text)) events.push({ type: 'text-delta', text });
      if (toolCalls !== undefined) this.#addCalls(this.#joiner.push(toolCalls), events);
      if (isFilled(choice['finish_reason'])) this.#addCalls(this.#joiner.end(), events);
    }
  }

  end(events: ChatEvent[]): void {
    this.#addCalls(this.#joiner.end(), events);
    this.isEnded = true;
    const { usage, timings } = this.#totals.stats;
    const { finishReason = 'stop', stopSequence } = this.#totals;
    events.push({
      type: 'response-end',
      // Some servers finish a tool call with `stop`.
      finishReason: this.#hasToolCalls && finishReason === 'stop' ? 'tool-calls' : finishReason,
      ...(usage === undefined ? {} : { usage }),
      ...(timings === undefined ? {} : { timings }),
      ...(stopSequence === undefined ? {} : { stopSequence }),
    });
  }

  get isComplete(): boolean {
    return this.#totals.finishReason !== undefined;
  }

  get stats(): JobStats {
    return this.#totals.stats;
  }

  #addCalls(calls: readonly ToolCall[], events: ChatEvent[]): void {
    for (const call of calls) events.push({ type: 'tool-call', call });
    this.#hasToolCalls ||= calls.length > 0;
  }
}

/** Chat has `{content: [...]}`, completions lists side by side; llama-server uses the first form for both. */
function logprobsOf(choice: JsonObject): readonly TokenLogprob[] | undefined {
  const { logprobs } = choice;
  if (!isObject(logprobs)) return undefined;
  return readLogprobs(logprobs['content']) ?? readListedLogprobs(logprobs);
}

function readEmbeddings(answer: JsonObject, wish: VectorWish | undefined): WholeAnswer<TypedBatch> {
  const data = toArray(answer['data']);
  if (data === undefined) throw notAnAnswer('no data');
  const items = data.filter(isObject).map((item, place) => ({ item, index: toNumber(item['index']) ?? place }));
  const ordered = items.toSorted((one, other) => one.index - other.index);
  const vectors = ordered.map(({ item }) => toWishedLength(decodeVector(item['embedding']), wish));
  const stats = embeddingStats(answer);
  const { usage } = stats;
  const events: ChatEvent[] = [
    { type: 'embeddings', vectors },
    { type: 'response-end', finishReason: 'stop', ...(usage === undefined ? {} : { usage }) },
  ];
  return { batch: toTypedBatch(events), stats };
}
