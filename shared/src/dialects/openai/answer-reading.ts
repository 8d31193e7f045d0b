import { batchKind } from '../../chat/answer-batch.ts';
import type { FinishReason, Timings, Usage } from '../../chat/chat-event.ts';
import type { AnswerReading } from '../answers/answer-reading.ts';
import { notAnAnswer } from '../answers/stream-errors.ts';
import type { JobStats } from '../dialect.ts';
import { isFilled, isObject, type JsonObject, toArray, toNumber, toText } from '../json/json-value.ts';
import { toReportedError } from './classify-error.ts';

const doneFrame = Buffer.from('data: [DONE]\n\n');

/** Reads the chunks of a chat or completion answer, or a whole one, as far as scheduling needs them. */
export class OpenaiReading implements AnswerReading {
  readonly endFrame = doneFrame;
  readonly #totals = new Totals();

  read(value: unknown): number {
    const chunk = toChunk(value);
    this.#totals.note(chunk);
    let kinds = 0;
    for (const choice of choicesOf(chunk)) kinds |= kindsOf(choice);
    return kinds === 0 ? batchKind.opening : kinds;
  }

  isUsageOnly(value: unknown): boolean {
    return isObject(value) && isObject(value['usage']) && choicesOf(value).length === 0;
  }

  get isComplete(): boolean {
    return this.#totals.finishReason !== undefined;
  }

  get stats(): JobStats {
    return this.#totals.stats;
  }
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

const none: readonly JsonObject[] = [];

export function choicesOf(chunk: JsonObject): readonly JsonObject[] {
  const { choices } = chunk;
  if (!Array.isArray(choices)) return none;
  return choices.every(isObject) ? choices : choices.filter(isObject);
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
export class Totals {
  finishReason: FinishReason | undefined;
  /** Which of the stop strings it was, from vLLM (a number is a token) and from a llama-server that was asked to be verbose. */
  stopSequence: string | undefined;
  #usage: Usage | undefined;
  #timings: JsonObject | undefined;

  note(chunk: JsonObject): void {
    for (const choice of choicesOf(chunk)) {
      if (isFilled(choice['finish_reason'])) this.finishReason = toFinishReason(choice['finish_reason']);
      if (isFilled(choice['stop_reason'])) this.stopSequence = choice['stop_reason'];
    }
    const verbose = chunk['__verbose'];
    if (isObject(verbose) && isFilled(verbose['stopping_word'])) this.stopSequence = verbose['stopping_word'];
    this.#usage = toUsage(chunk['usage']) ?? this.#usage;
    if (isObject(chunk['timings'])) this.#timings = chunk['timings'];
  }

  get stats(): JobStats {
    const { finishReason } = this;
    const usage = this.#usage ?? toCountedUsage(this.#timings);
    const timings = toTimings(this.#timings);
    return {
      ...(finishReason === undefined ? {} : { finishReason }),
      ...(usage === undefined ? {} : { usage }),
      ...(timings === undefined ? {} : { timings }),
    };
  }
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
