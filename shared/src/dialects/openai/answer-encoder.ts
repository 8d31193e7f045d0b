import type { ChatEvent, TokenLogprob } from '../../chat/chat-event.ts';
import { type EndpointName, endpoints } from '../../chat/endpoints.ts';
import { foldEvents } from '../../chat/fold.ts';
import type { ToolCall } from '../../chat/generation-request.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import { writeLogprobs } from '../answers/logprobs.ts';
import type { AnswerEncoder, AnswerEncoderOptions } from '../dialect.ts';
import { encodeStreamEnd, encodeUsage, finishReasons, objectHead, streamHead } from './answer-parts.ts';
import { createCompletionEncoder } from './completion-encoder.ts';
import { encodeVector } from './vector-base64.ts';

/** Writes events as OpenAI does. The id and the time are the same in all chunks of an answer. */
export function createAnswerEncoder(endpoint: EndpointName, options: AnswerEncoderOptions): AnswerEncoder {
  if (endpoints[endpoint].kind === 'embedding') return createEmbeddingEncoder(options);
  return endpoint === 'openai.completions' ? createCompletionEncoder(options) : createChatEncoder(options);
}

/**
 * The role is in the first chunk only; the reason of the end has a chunk of its own, the usage another. Thinking goes under both
 * names clients look for.
 */
function createChatEncoder(options: AnswerEncoderOptions): AnswerEncoder {
  const id = `chatcmpl-${options.requestId}`;
  const head = streamHead('openai.chat', options);
  const index = options.choice ?? 0;
  const tail = options.includeUsage ? '],"usage":null}\n\n' : ']}\n\n';
  let isBegun = false;

  function chunk(delta: string, rest: string): string {
    return `${head}{"index":${index},"delta":{${delta}},${rest}}${tail}`;
  }

  function deltaChunk(delta: string, rest = '"finish_reason":null'): string {
    const role = isBegun ? '' : '"role":"assistant",';
    isBegun = true;
    return chunk(`${role}${delta}`, rest);
  }

  function encodeEvent(event: ChatEvent): string {
    switch (event.type) {
      case 'text-delta': {
        const { text, logprobs } = event;
        const content = `"content":${JSON.stringify(text)}`;
        return logprobs === undefined
          ? deltaChunk(content)
          : deltaChunk(content, `"finish_reason":null,"logprobs":${encodeLogprobs(logprobs)}`);
      }
      case 'thinking-delta':
        return deltaChunk(encodeThinking(event.text));
      case 'tool-call':
        return deltaChunk(`"tool_calls":[${encodeToolCall(event.call, options.requestId, true)}]`);
      case 'response-end': {
        const opening = isBegun ? '' : deltaChunk('"content":""');
        const finish = chunk('', `"finish_reason":"${finishReasons[event.finishReason]}"`);
        const end = options.choice === undefined ? encodeStreamEnd(head, event.usage, options) : '';
        return `${opening}${finish}${end}`;
      }
      case 'embeddings':
        throw new ClusterError('internal', 'embeddings are not streamed');
    }
  }

  return {
    encode: (events) => Buffer.from(events.map(encodeEvent).join('')),
    encodeWhole(events) {
      const { text, thinking, toolCalls, logprobs, end } = foldEvents(events);
      let message = `"role":"assistant","content":${JSON.stringify(text)},"refusal":null`;
      if (thinking !== '') message += `,${encodeThinking(thinking)}`;
      if (toolCalls.length > 0) {
        message += `,"tool_calls":[${toolCalls.map((call) => encodeToolCall(call, options.requestId, false)).join(',')}]`;
      }
      const choice = `{"index":${index},"message":{${message}},"logprobs":${encodeLogprobs(logprobs)},"finish_reason":"${finishReasons[end.finishReason]}"}`;
      const body = `${objectHead('chat.completion', id, options)},"choices":[${choice}],"usage":${encodeUsage(end.usage)}}\n`;
      return Buffer.from(body);
    },
  };
}

function encodeThinking(text: string): string {
  const json = JSON.stringify(text);
  return `"reasoning":${json},"reasoning_content":${json}`;
}

/** A delta has an index to join fragments by; a whole call is in order as it is. */
function encodeToolCall(call: ToolCall, requestId: string, isDelta: boolean): string {
  const id = JSON.stringify(call.id ?? `call_${requestId}_${call.index}`);
  const index = isDelta ? `"index":${call.index},` : '';
  const name = JSON.stringify(call.name);
  return `{${index}"id":${id},"type":"function","function":{"name":${name},"arguments":${JSON.stringify(call.arguments)}}}`;
}

function encodeLogprobs(logprobs: readonly TokenLogprob[] | undefined): string {
  return logprobs === undefined
    ? 'null'
    : JSON.stringify({ content: writeLogprobs(logprobs, 'openai'), refusal: null });
}

function createEmbeddingEncoder(options: AnswerEncoderOptions): AnswerEncoder {
  function encodeWhole(events: readonly ChatEvent[]): Uint8Array {
    const { vectors, end } = foldEvents(events);
    const promptTokens = end.usage?.promptTokens ?? 0;
    const isBase64 = options.encoding === 'base64';
    const data = vectors.map((vector, index) => {
      const embedding = isBase64 ? `"${encodeVector(vector)}"` : JSON.stringify(vector);
      return `{"object":"embedding","embedding":${embedding},"index":${index}}`;
    });
    const usage = `{"prompt_tokens":${promptTokens},"total_tokens":${promptTokens}}`;
    return Buffer.from(
      `{"object":"list","data":[${data.join(',')}],"model":${JSON.stringify(options.model)},"usage":${usage}}\n`,
    );
  }
  return { encode: encodeWhole, encodeWhole };
}
