import type { ChatEvent, FinishReason, ResponseEnd } from '../../chat/chat-event.ts';
import { type EndpointName, endpoints } from '../../chat/endpoints.ts';
import { foldEvents } from '../../chat/fold.ts';
import type { ToolCall } from '../../chat/generation-request.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import type { AnswerEncoder, AnswerEncoderOptions } from '../dialect.ts';
import { parseObject } from '../json-value.ts';
import { writeLogprobs } from '../logprobs.ts';
import { createTimestamp } from './timestamp.ts';

/**
 * Writes events as Ollama does: a line per event, the last one with `done` and the totals. Where the engine told no decoding
 * time, that between the first and the last event stands in its place, since clients divide by it.
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

/** As Ollama does, without what is 0. */
function encodeEnd(endpoint: EndpointName, end: ResponseEnd, waitedMs: number | undefined): string {
  const { finishReason, usage, timings, context } = end;
  const fields: (readonly [string, number | undefined])[] = [
    ['total_duration', toNs(timings?.totalMs)],
    ['load_duration', toNs(timings?.loadMs)],
    ['prompt_eval_count', usage?.promptTokens],
    ['prompt_eval_cached_count', usage?.cachedTokens],
    ['prompt_eval_duration', toNs(timings?.prefillMs)],
    ['eval_count', usage?.completionTokens],
    ['eval_duration', toNs(timings?.decodeMs ?? waitedMs)],
  ];
  let text = `"done":true,"done_reason":"${doneReasons[finishReason]}"`;
  if (endpoint === 'ollama.generate' && context !== undefined) text += `,"context":${JSON.stringify(context)}`;
  for (const [name, value] of fields) {
    if (value !== undefined && (value !== 0 || name === 'prompt_eval_cached_count')) text += `,"${name}":${value}`;
  }
  return text;
}

function toNs(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 1e6);
}

function encodeEmbeddings(endpoint: EndpointName, model: string, events: readonly ChatEvent[]): Uint8Array {
  const { vectors, end } = foldEvents(events);
  if (endpoint === 'ollama.embeddings') return Buffer.from(`{"embedding":${JSON.stringify(vectors[0] ?? [])}}`);
  const totalNs = toNs(end.timings?.totalMs);
  const loadNs = toNs(end.timings?.loadMs);
  const promptTokens = end.usage?.promptTokens;
  let text = `{"model":${JSON.stringify(model)},"embeddings":${JSON.stringify(vectors)}`;
  if (totalNs !== undefined && totalNs !== 0) text += `,"total_duration":${totalNs}`;
  if (loadNs !== undefined && loadNs !== 0) text += `,"load_duration":${loadNs}`;
  if (promptTokens !== undefined && promptTokens !== 0) text += `,"prompt_eval_count":${promptTokens}`;
  return Buffer.from(`${text}}`);
}
