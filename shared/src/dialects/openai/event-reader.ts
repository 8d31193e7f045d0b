import { type TypedBatch, toTypedBatch } from '../../chat/answer-batch.ts';
import type { ChatEvent, TokenLogprob } from '../../chat/chat-event.ts';
import { type EndpointName, endpoints } from '../../chat/endpoints.ts';
import { toBuffer } from '../../streams/remainder.ts';
import type { EventReader, EventReaderOptions, WholeAnswer } from '../dialect.ts';
import { type EventDecoding, EventStream } from '../event-stream.ts';
import { sseFraming } from '../framing.ts';
import { isFilled, isObject, type JsonObject, toArray, toNumber } from '../json-value.ts';
import { readListedLogprobs, readLogprobs } from '../logprobs.ts';
import { parse } from '../native-stream.ts';
import { endedEarly, notAnAnswer } from '../stream-errors.ts';
import { createWholeReader } from '../whole-reader.ts';
import { choicesOf, createTotals, partOf, toChunk } from './answer-reading.ts';
import { embeddingStats } from './native-reader.ts';
import { createToolCallJoiner } from './tool-call-joiner.ts';
import { decodeVector } from './vector-base64.ts';

export function createEventReader(endpoint: EndpointName, { stream }: EventReaderOptions): EventReader {
  if (!stream || endpoints[endpoint].kind === 'embedding') {
    return createWholeReader((bytes) => readWholeEvents(endpoint, bytes));
  }
  return new EventStream(sseFraming, createEventDecoding());
}

export function readWholeEvents(endpoint: EndpointName, bytes: Uint8Array): WholeAnswer<TypedBatch> {
  const body = toBuffer(bytes);
  if (body.length === 0) throw endedEarly();
  const answer = toChunk(parse(body.toString('utf8')));
  if (endpoints[endpoint].kind === 'embedding') return readEmbeddings(answer);
  if (choicesOf(answer).length === 0) throw notAnAnswer('no choices');
  const decoding = createEventDecoding();
  const events: ChatEvent[] = [];
  decoding.decode(answer, events);
  decoding.end(events);
  return { batch: toTypedBatch(events), stats: decoding.stats };
}

/** Of several choices the first is read: whoever asks for events gets one answer. */
function createEventDecoding(): EventDecoding {
  const totals = createTotals();
  const joiner = createToolCallJoiner();
  let hasToolCalls = false;
  let isEnded = false;

  function addCalls(calls: ReturnType<typeof joiner.end>, events: ChatEvent[]): void {
    for (const call of calls) events.push({ type: 'tool-call', call });
    hasToolCalls ||= calls.length > 0;
  }

  return {
    decode(value, events) {
      const chunk = toChunk(value);
      totals.note(chunk);
      for (const choice of choicesOf(chunk)) {
        if ((choice['index'] ?? 0) !== 0) continue;
        const { text, thinking, toolCalls } = partOf(choice);
        if (isFilled(thinking)) events.push({ type: 'thinking-delta', text: thinking });
        const logprobs = logprobsOf(choice);
        if (isFilled(text) || logprobs !== undefined) {
          events.push({ type: 'text-delta', text: text ?? '', ...(logprobs === undefined ? {} : { logprobs }) });
        }
        if (toolCalls !== undefined) addCalls(joiner.push(toolCalls), events);
        if (isFilled(choice['finish_reason'])) addCalls(joiner.end(), events);
      }
    },
    end(events) {
      addCalls(joiner.end(), events);
      isEnded = true;
      const { usage, timings } = totals.stats;
      const finishReason = totals.finishReason ?? 'stop';
      events.push({
        type: 'response-end',
        // Some servers finish a tool call with `stop`.
        finishReason: hasToolCalls && finishReason === 'stop' ? 'tool-calls' : finishReason,
        ...(usage === undefined ? {} : { usage }),
        ...(timings === undefined ? {} : { timings }),
      });
    },
    get isEnded() {
      return isEnded;
    },
    get isComplete() {
      return totals.finishReason !== undefined;
    },
    get stats() {
      return totals.stats;
    },
  };
}

/** Chat has `{content: [...]}`, completions lists side by side; llama-server uses the first form for both. */
function logprobsOf(choice: JsonObject): readonly TokenLogprob[] | undefined {
  const { logprobs } = choice;
  if (!isObject(logprobs)) return undefined;
  return readLogprobs(logprobs['content']) ?? readListedLogprobs(logprobs);
}

function readEmbeddings(answer: JsonObject): WholeAnswer<TypedBatch> {
  const data = toArray(answer['data']);
  if (data === undefined) throw notAnAnswer('no data');
  const items = data.filter(isObject).map((item, place) => ({ item, index: toNumber(item['index']) ?? place }));
  const ordered = items.toSorted((one, other) => one.index - other.index);
  const vectors = ordered.map(({ item }) => decodeVector(item['embedding']));
  const stats = embeddingStats(answer);
  const { usage } = stats;
  const events: ChatEvent[] = [
    { type: 'embeddings', vectors },
    { type: 'response-end', finishReason: 'stop', ...(usage === undefined ? {} : { usage }) },
  ];
  return { batch: toTypedBatch(events), stats };
}
