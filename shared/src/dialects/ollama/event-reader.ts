import { type TypedBatch, toTypedBatch } from '../../chat/answer-batch.ts';
import type { ChatEvent } from '../../chat/chat-event.ts';
import { type EndpointName, endpoints } from '../../chat/endpoints.ts';
import type { ToolCall } from '../../chat/generation-request.ts';
import { toBuffer } from '../../streams/remainder.ts';
import { type EventDecoding, EventStream } from '../answers/event-stream.ts';
import { ndjsonFraming } from '../answers/framing.ts';
import { readLogprobs } from '../answers/logprobs.ts';
import { parse } from '../answers/native-stream.ts';
import { endedEarly, notAnAnswer } from '../answers/stream-errors.ts';
import { createWholeReader } from '../answers/whole-reader.ts';
import type { EventReader, EventReaderOptions, JobStats, WholeAnswer } from '../dialect.ts';
import { isFilled, isObject, type JsonObject, toArray, toNumber } from '../json/json-value.ts';
import { partOf, toLine, toStats } from './answer-reading.ts';
import { toReportedError } from './classify-error.ts';
import { embeddingStats, vectorsKey } from './native-reader.ts';

export function createEventReader(endpoint: EndpointName, { stream }: EventReaderOptions): EventReader {
  if (!stream || endpoints[endpoint].kind === 'embedding') {
    return createWholeReader((bytes) => readWholeEvents(endpoint, bytes));
  }
  return new EventStream(ndjsonFraming, new OllamaDecoding(endpoint));
}

export function readWholeEvents(endpoint: EndpointName, bytes: Uint8Array): WholeAnswer<TypedBatch> {
  const body = toBuffer(bytes);
  if (body.length === 0) throw endedEarly();
  const answer = parse(body.toString('utf8'));
  if (endpoints[endpoint].kind === 'embedding') return readEmbeddings(endpoint, answer);
  const decoding = new OllamaDecoding(endpoint);
  const events: ChatEvent[] = [];
  decoding.decode(answer, events);
  if (!decoding.isEnded) throw endedEarly();
  return { batch: toTypedBatch(events), stats: decoding.stats };
}

class OllamaDecoding implements EventDecoding {
  readonly isComplete = false;
  isEnded = false;
  stats: JobStats = {};
  readonly #endpoint: EndpointName;
  #toolCalls = 0;

  constructor(endpoint: EndpointName) {
    this.#endpoint = endpoint;
  }

  decode(value: unknown, events: ChatEvent[]): void {
    const line = toLine(this.#endpoint, value);
    const { text, thinking, toolCalls } = partOf(this.#endpoint, line);
    const logprobs = readLogprobs(line['logprobs']);
    if (isFilled(thinking)) events.push({ type: 'thinking-delta', text: thinking });
    if (logprobs !== undefined) events.push({ type: 'text-delta', text: isFilled(text) ? text : '', logprobs });
    else if (isFilled(text)) events.push({ type: 'text-delta', text });
    for (const call of toArray(toolCalls) ?? []) {
      events.push({ type: 'tool-call', call: toToolCall(call, this.#toolCalls) });
      this.#toolCalls++;
    }
    if (line['done'] === true) this.#end(line, events);
  }

  /** Ollama's terminal line is its last; nothing is held back. */
  end(): void {}

  #end(line: JsonObject, events: ChatEvent[]): void {
    this.isEnded = true;
    const stats = toStats(line, this.#toolCalls > 0);
    this.stats = stats;
    const context = toArray(line['context']);
    events.push({
      type: 'response-end',
      finishReason: stats.finishReason ?? 'stop',
      ...(stats.usage === undefined ? {} : { usage: stats.usage }),
      ...(stats.timings === undefined ? {} : { timings: stats.timings }),
      ...(context === undefined ? {} : { context: context.filter((token) => typeof token === 'number') }),
    });
  }
}

/** Ollama numbers the calls of one line; over several lines the numbers may begin anew, so that they are counted here. */
export function toToolCall(value: unknown, index: number): ToolCall {
  const call = isObject(value) ? value : {};
  const named = isObject(call['function']) ? call['function'] : undefined;
  if (named === undefined || !isFilled(named['name'])) throw notAnAnswer('a tool call without a name');
  return {
    index,
    ...(isFilled(call['id']) ? { id: call['id'] } : {}),
    name: named['name'],
    arguments: JSON.stringify(named['arguments'] ?? {}),
  };
}

function readEmbeddings(endpoint: EndpointName, answer: unknown): WholeAnswer<TypedBatch> {
  if (!isObject(answer)) throw notAnAnswer('the body is not an object');
  if (typeof answer['error'] === 'string') throw toReportedError(answer['error']);
  const vectors = toVectors(endpoint, answer);
  const stats = embeddingStats(answer);
  const { usage, timings } = stats;
  const events: ChatEvent[] = [
    { type: 'embeddings', vectors },
    {
      type: 'response-end',
      finishReason: 'stop',
      ...(usage === undefined ? {} : { usage }),
      ...(timings === undefined ? {} : { timings }),
    },
  ];
  return { batch: toTypedBatch(events), stats };
}

function toVectors(endpoint: EndpointName, answer: JsonObject): readonly (readonly number[])[] {
  const value = toArray(answer[vectorsKey(endpoint)]);
  if (value === undefined) throw notAnAnswer(`no ${vectorsKey(endpoint)}`);
  if (endpoint === 'ollama.embeddings') return value.length === 0 ? [] : [toVector(value)];
  return value.map((vector) => toVector(toArray(vector) ?? []));
}

function toVector(list: readonly unknown[]): readonly number[] {
  const vector = list.map(toNumber).filter((number) => number !== undefined);
  if (vector.length !== list.length || vector.length === 0) throw notAnAnswer('a vector that is not numbers');
  return vector;
}
