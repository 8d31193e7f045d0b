import { batchKind } from '../../chat/answer-batch.ts';
import type { FinishReason, Timings, Usage } from '../../chat/chat-event.ts';
import type { EndpointName } from '../../chat/endpoints.ts';
import type { AnswerReading } from '../answers/answer-reading.ts';
import { notAnAnswer } from '../answers/stream-errors.ts';
import type { JobStats } from '../dialect.ts';
import { isFilled, isObject, type JsonObject, toNumber } from '../json/json-value.ts';
import { toReportedError } from './classify-error.ts';

/** Reads the lines of a chat or generate answer as far as scheduling needs them. */
export class OllamaReading implements AnswerReading {
  readonly endFrame = undefined;
  isComplete = false;
  stats: JobStats = {};
  readonly #endpoint: EndpointName;
  #hasToolCalls = false;

  constructor(endpoint: EndpointName) {
    this.#endpoint = endpoint;
  }

  read(value: unknown): number {
    const line = toLine(this.#endpoint, value);
    const part = partOf(this.#endpoint, line);
    let kinds = 0;
    if (isFilled(part.text)) kinds |= batchKind.text;
    if (isFilled(part.thinking)) kinds |= batchKind.thinking;
    if (Array.isArray(part.toolCalls) && part.toolCalls.length > 0) {
      kinds |= batchKind.toolCall;
      this.#hasToolCalls = true;
    }
    if (line['done'] === true) {
      kinds |= batchKind.end;
      this.isComplete = true;
      this.stats = toStats(line, this.#hasToolCalls);
    }
    return kinds === 0 ? batchKind.opening : kinds;
  }

  isUsageOnly(): boolean {
    return false;
  }
}

/** One line of an answer. Throws what the engine reports as its error, and what is no line of an answer. */
export function toLine(endpoint: EndpointName, value: unknown): JsonObject {
  if (!isObject(value)) throw notAnAnswer('a line is not an object');
  if (typeof value['error'] === 'string') throw toReportedError(value['error']);
  const isPart = endpoint === 'ollama.chat' ? isObject(value['message']) : typeof value['response'] === 'string';
  if (!isPart && value['done'] !== true) {
    throw notAnAnswer(endpoint === 'ollama.chat' ? 'a line without a message' : 'a line without a response');
  }
  return value;
}

interface AnswerPart {
  readonly text: unknown;
  readonly thinking: unknown;
  readonly toolCalls: unknown;
}

/** What a line says, wherever its endpoint puts it. */
export function partOf(endpoint: EndpointName, line: JsonObject): AnswerPart {
  if (endpoint !== 'ollama.chat') {
    return { text: line['response'], thinking: line['thinking'], toolCalls: line['tool_calls'] };
  }
  const message = isObject(line['message']) ? line['message'] : {};
  return { text: message['content'], thinking: message['thinking'], toolCalls: message['tool_calls'] };
}

/** The totals of a line with `done`. Ollama leaves out what is 0. */
export function toStats(line: JsonObject, hasToolCalls: boolean): JobStats {
  const finishReason = toFinishReason(line['done_reason'], hasToolCalls);
  const timings = toTimings(line);
  if (finishReason === 'load' || finishReason === 'unload') return { finishReason };
  const cachedTokens = toNumber(line['prompt_eval_cached_count']);
  const usage: Usage = {
    promptTokens: toNumber(line['prompt_eval_count']) ?? 0,
    completionTokens: toNumber(line['eval_count']) ?? 0,
    ...(cachedTokens === undefined ? {} : { cachedTokens }),
  };
  return { finishReason, usage, ...(timings === undefined ? {} : { timings }) };
}

function toFinishReason(reason: unknown, hasToolCalls: boolean): FinishReason {
  if (reason === 'length' || reason === 'load' || reason === 'unload') return reason;
  return hasToolCalls ? 'tool-calls' : 'stop';
}

/** Ollama counts nanoseconds. */
export function toTimings(line: JsonObject): Timings | undefined {
  const totalMs = toMs(line['total_duration']);
  const loadMs = toMs(line['load_duration']);
  const prefillMs = toMs(line['prompt_eval_duration']);
  const decodeMs = toMs(line['eval_duration']);
  if (totalMs === undefined && loadMs === undefined && prefillMs === undefined && decodeMs === undefined)
    return undefined;
  return {
    ...(totalMs === undefined ? {} : { totalMs }),
    ...(loadMs === undefined ? {} : { loadMs }),
    ...(prefillMs === undefined ? {} : { prefillMs }),
    ...(decodeMs === undefined ? {} : { decodeMs }),
  };
}

function toMs(nanoseconds: unknown): number | undefined {
  return typeof nanoseconds === 'number' ? nanoseconds / 1e6 : undefined;
}
