import type { ChatEvent, FinishReason, ResponseEnd } from '../../chat/chat-event.ts';
import { type EndpointName, endpoints } from '../../chat/endpoints.ts';
import { foldEvents } from '../../chat/fold.ts';
import type { ToolCall } from '../../chat/generation-request.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import { writeLogprobs } from '../answers/logprobs.ts';
import type { AnswerEncoder, AnswerEncoderOptions } from '../dialect.ts';
import { parseObject } from '../json/json-value.ts';
import { toDurations } from './durations.ts';
import { createTimestamp } from './timestamp.ts';

/**
 * Writes events as Ollama does: a line per event, the last one with `done` and the totals.
 */
export function createAnswerEncoder(endpoint: EndpointName, options: AnswerEncoderOptions): AnswerEncoder {
  const now = options.now ?? Date.now;
  const stamp = createTimestamp(options.now);
  const head = `{"model":${JSON.stringify(options.model)},"created_at":"`;
  const isChat = endpoint === 'ollama.chat';
  let firstDeltaAt: number | undefined;

  function line(said: string, rest: string): string {
    const part = isChat ? `"message":{"role":"assistant",${said}}` : said;
    return `${head}${stamp()}",${part},${rest}}\n`;
  }

  function encodeEvent(event: ChatEvent): string {
    switch (event.type) {
      case 'text-delta': {
        const { text, logprobs } = event;
        const tail = logprobs === undefined ? '' : `,"logprobs":${JSON.stringify(writeLogprobs(logprobs, 'ollama'))}`;
        return line(`"${isChat ? 'content' : 'response'}":${JSON.stringify(text)}`, `"done":false${tail}`);
      }
      case 'thinking-delta':
        return line(`"${isChat ? 'content' : 'response'}":"","thinking":${JSON.stringify(event.text)}`, '"done":false');
      case 'tool-call':
        return line(
          `"${isChat ? 'content' : 'response'}":"","tool_calls":[${encodeToolCall(event.call)}]`,
          '"done":false',
        );
      case 'response-end': {
        const waitedMs = firstDeltaAt === undefined ? undefined : now() - firstDeltaAt;
        return line(`"${isChat ? 'content' : 'response'}":""`, encodeEnd(endpoint, event, waitedMs));
      }
      case 'embeddings':
        throw new ClusterError('internal', 'embeddings are not streamed');
    }
  }

  return {
    encode(events) {
      let text = '';
      for (const event of events) {
        if (event.type !== 'response-end') firstDeltaAt ??= now();
        text += encodeEvent(event);
      }
      return Buffer.from(text);
    },
    encodeWhole(events) {
      if (endpoints[endpoint].kind === 'embedding') return encodeEmbeddings(endpoint, options.model, events);
      const { text, thinking, toolCalls, logprobs, end } = foldEvents(events);
      let said = `"${isChat ? 'content' : 'response'}":${JSON.stringify(text)}`;
      if (thinking !== '') said += `,"thinking":${JSON.stringify(thinking)}`;
      const calls = toolCalls.length === 0 ? '' : `"tool_calls":[${toolCalls.map(encodeToolCall).join(',')}]`;
      if (isChat && calls !== '') said += `,${calls}`;
      let rest = encodeEnd(endpoint, end, undefined);
      if (!isChat && calls !== '') rest += `,${calls}`;
      if (logprobs !== undefined) rest += `,"logprobs":${JSON.stringify(writeLogprobs(logprobs, 'ollama'))}`;
      return Buffer.from(line(said, rest).trimEnd());
    },
  };
}

/** Ollama's arguments are an object; they go on as the model wrote them, spaces and order included. */
function encodeToolCall(call: ToolCall): string {
  const text = call.arguments.trim() === '' ? '{}' : call.arguments.trim();
  if (parseObject(text) === undefined) {
    throw new ClusterError('engine-failed', `the model called ${call.name} with arguments that are no JSON object`);
  }
  const id = call.id === undefined ? '' : `"id":${JSON.stringify(call.id)},`;
  return `{${id}"function":{"index":${call.index},"name":${JSON.stringify(call.name)},"arguments":${text}}}`;
}

const doneReasons: Readonly<Record<FinishReason, string>> = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'stop',
  'content-filter': 'stop',
  load: 'load',
  unload: 'unload',
};

/** As Ollama does: counts that are 0 are left out, and a load or an unload has no totals. */
function encodeEnd(endpoint: EndpointName, end: ResponseEnd, waitedMs: number | undefined): string {
  const { finishReason, usage, timings, context } = end;
  let text = `"done":true,"done_reason":"${doneReasons[finishReason]}"`;
  if (finishReason === 'load' || finishReason === 'unload') return text;
  if (endpoint === 'ollama.generate' && context !== undefined) text += `,"context":${JSON.stringify(context)}`;
  const { total, load, prefill, decode } = toDurations(timings, waitedMs);
  const fields: (readonly [string, number | undefined])[] = [
    ['total_duration', total],
    ['load_duration', load],
    ['prompt_eval_count', usage?.promptTokens],
    ['prompt_eval_cached_count', usage?.cachedTokens],
    ['prompt_eval_duration', prefill],
    ['eval_count', usage?.completionTokens],
    ['eval_duration', decode],
  ];
  for (const [name, value] of fields) {
    if (value !== undefined && (value !== 0 || name === 'prompt_eval_cached_count')) text += `,"${name}":${value}`;
  }
  return text;
}

function encodeEmbeddings(endpoint: EndpointName, model: string, events: readonly ChatEvent[]): Uint8Array {
  const { vectors, end } = foldEvents(events);
  if (endpoint === 'ollama.embeddings') return Buffer.from(`{"embedding":${JSON.stringify(vectors[0] ?? [])}}`);
  let text = `{"model":${JSON.stringify(model)},"embeddings":${JSON.stringify(vectors.map(toUnitLength))}`;
  if (end.finishReason !== 'load' && end.finishReason !== 'unload') {
    const { totalMs, loadMs } = end.timings ?? {};
    // All there is to an embedding is its prompt: what an engine does not tell of loading is next to nothing.
    const { total, load } = toDurations({ totalMs, loadMs, decodeMs: totalMs }, undefined);
    if (total !== undefined) text += `,"total_duration":${total},"load_duration":${load ?? 1}`;
    const promptTokens = end.usage?.promptTokens ?? 0;
    if (promptTokens !== 0) text += `,"prompt_eval_count":${promptTokens}`;
  }
  return Buffer.from(`${text}}`);
}

/** Rounding of 32-bit floats. */
const unitTolerance = 1e-4;

/** Vectors of `/api/embed` have length 1, whoever made them; those that have it stay as they are. */
function toUnitLength(vector: readonly number[]): readonly number[] {
  const length = Math.sqrt(vector.reduce((sum, number) => sum + number * number, 0));
  if (length === 0 || Math.abs(length - 1) < unitTolerance) return vector;
  return vector.map((number) => number / length);
}
