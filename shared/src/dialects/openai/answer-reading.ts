import { batchKind } from '../../chat/answer-batch.ts';
import type { FinishReason, Timings, Usage } from '../../chat/chat-event.ts';
import type { AnswerReading } from '../answer-reading.ts';
import type { JobStats } from '../dialect.ts';
import { isFilled, isObject, type JsonObject, toArray, toNumber, toText } from '../json-value.ts';
import { notAnAnswer } from '../stream-errors.ts';
import { toReportedError } from './classify-error.ts';

const doneFrame = Buffer.from('data: [DONE]\n\n');

/** Reads the chunks of a chat or completion answer, or a whole one, as far as scheduling needs them. */
export function createAnswerReading(): AnswerReading {
  const totals = createTotals();
  return {
    read(value) {
      const chunk = toChunk(value);
      totals.note(chunk);
      let kinds = 0;
      for (const choice of choicesOf(chunk)) kinds |= kindsOf(choice);
      return kinds === 0 ? batchKind.opening : kinds;
    },
    isUsageOnly: (value) => isObject(value) && isObject(value['usage']) && choicesOf(value).length === 0,
    get isComplete() {
      return totals.finishReason !== undefined;
    },
    endFrame: doneFrame,
    get stats() {
      return totals.stats;
    },
  };
}

function kindsOf(choice: JsonObject): number {
  const part = partOf(choice);
  let kinds = 0;
  if (isFilled(part.text)) kinds |= batchKind.text;
  if (isFilled(part.thinking)) kinds |= batchKind.thinking;
  if (part.toolCalls !== undefined && part.toolCalls.length > 0) kinds |= batchKind.toolCall;
  return kinds;
}

/** One object of an answer. Throws what the engine reports as its error. */
export function toChunk(value: unknown): JsonObject {
  if (!isObject(value)) throw notAnAnswer('a chunk is not an object');
  const error = value['error'];
  if (error !== undefined && error !== null) throw toReportedError(error);
  if (value['object'] === 'error') throw toReportedError(value);
  return value;
}

export function choicesOf(chunk: JsonObject): readonly JsonObject[] {
  return toArray(chunk['choices'])?.filter(isObject) ?? [];
}

interface AnswerPart {
  readonly text: string | undefined;
  readonly thinking: string | undefined;
  readonly toolCalls: readonly unknown[] | undefined;
}

/**
 * What a choice says: `delta` in a chunk, `message` in a whole chat answer, `text` in a completion. vLLM and Ollama call
 * thinking `reasoning`, llama-server and older vLLM `reasoning_content`; some send both, with the same text.
 */
export function partOf(choice: JsonObject): AnswerPart {
  const said = choice['delta'] ?? choice['message'];
  if (!isObject(said)) return { text: toText(choice['text']), thinking: undefined, toolCalls: undefined };
  const reasoning = said['reasoning'];
  return {
    text: toText(said['content']),
    thinking: isFilled(reasoning) ? reasoning : toText(said['reasoning_content']),
    toolCalls: toArray(said['tool_calls']),
  };
}

/** Gathers what chunks tell of the answer as a whole; it comes in the last, the one before or both. */
export interface Totals {
  note(chunk: JsonObject): void;
  readonly finishReason: FinishReason | undefined;
  readonly stats: JobStats;
}

export function createTotals(): Totals {
  let finishReason: FinishReason | undefined;
  let usage: Usage | undefined;
  let timings: JsonObject | undefined;
  return {
    note(chunk) {
      for (const choice of choicesOf(chunk)) {
        if (isFilled(choice['finish_reason'])) finishReason = toFinishReason(choice['finish_reason']);
      }
      usage = toUsage(chunk['usage']) ?? usage;
      if (isObject(chunk['timings'])) timings = chunk['timings'];
    },
    get finishReason() {
      return finishReason;
    },
    get stats() {
      const counted = usage ?? toCountedUsage(timings);
      const measured = toTimings(timings);
      return {
        ...(finishReason === undefined ? {} : { finishReason }),
        ...(counted === undefined ? {} : { usage: counted }),
        ...(measured === undefined ? {} : { timings: measured }),
      };
    },
  };
}

function toFinishReason(reason: string): FinishReason {
  switch (reason) {
    case 'length':
    case 'load':
    case 'unload':
      return reason;
    case 'tool_calls':
    case 'function_call':
      return 'tool-calls';
    case 'content_filter':
      return 'content-filter';
    default:
      return 'stop';
  }
}

export function toUsage(value: unknown): Usage | undefined {
  if (!isObject(value)) return undefined;
  const promptTokens = toNumber(value['prompt_tokens']);
  if (promptTokens === undefined) return undefined;
  const details = value['prompt_tokens_details'];
  const cachedTokens = isObject(details) ? toNumber(details['cached_tokens']) : undefined;
  return {
    promptTokens,
    completionTokens: toNumber(value['completion_tokens']) ?? 0,
    ...(cachedTokens === undefined ? {} : { cachedTokens }),
  };
}

/** llama-server counts in `timings` too, also where it was not asked for usage. */
function toCountedUsage(timings: JsonObject | undefined): Usage | undefined {
  if (timings === undefined) return undefined;
  const promptTokens = toNumber(timings['prompt_n']);
  const completionTokens = toNumber(timings['predicted_n']);
  if (promptTokens === undefined || completionTokens === undefined) return undefined;
  const cachedTokens = toNumber(timings['cache_n']);
  return {
    promptTokens: promptTokens + (cachedTokens ?? 0),
    completionTokens,
    ...(cachedTokens === undefined ? {} : { cachedTokens }),
  };
}

function toTimings(timings: JsonObject | undefined): Timings | undefined {
  const prefillMs = toNumber(timings?.['prompt_ms']);
  const decodeMs = toNumber(timings?.['predicted_ms']);
  if (prefillMs === undefined && decodeMs === undefined) return undefined;
  return {
    ...(prefillMs === undefined ? {} : { prefillMs }),
    ...(decodeMs === undefined ? {} : { decodeMs }),
  };
}
