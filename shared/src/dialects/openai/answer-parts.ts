import type { FinishReason, Usage } from '../../chat/chat-event.ts';
import type { EndpointName } from '../../chat/endpoints.ts';
import type { AnswerEncoderOptions } from '../dialect.ts';

/** The fields that all of OpenAI's answers begin with; the object is left open. */
export function objectHead(object: string, id: string, { model, createdAt }: AnswerEncoderOptions): string {
  const created = Math.floor(createdAt.getTime() / 1_000);
  return `{"id":${JSON.stringify(id)},"object":"${object}","created":${created},"model":${JSON.stringify(model)},"system_fingerprint":"fp_waggle"`;
}

/** What an engine does not tell counts as 0: clients add these up. */
export function encodeUsage(usage: Usage | undefined): string {
  const promptTokens = usage?.promptTokens ?? 0;
  const completionTokens = usage?.completionTokens ?? 0;
  const cached =
    usage?.cachedTokens === undefined ? '' : `"prompt_tokens_details":{"cached_tokens":${usage.cachedTokens}},`;
  return `{"prompt_tokens":${promptTokens},${cached}"completion_tokens":${completionTokens},"total_tokens":${promptTokens + completionTokens}}`;
}

/** What ends a stream, behind the last answer in it. `head`: that of its chunks. */
export function encodeStreamEnd(head: string, usage: Usage | undefined, options: AnswerEncoderOptions): string {
  const counts = options.includeUsage ? `${head}],"usage":${encodeUsage(usage)}}\n\n` : '';
  return `${counts}data: [DONE]\n\n`;
}

/** What chunks of a stream begin with. */
export function streamHead(endpoint: EndpointName, options: AnswerEncoderOptions): string {
  const isChat = endpoint === 'openai.chat';
  const head = isChat
    ? objectHead('chat.completion.chunk', `chatcmpl-${options.requestId}`, options)
    : objectHead('text_completion', `cmpl-${options.requestId}`, options);
  return `data: ${head},"choices":[`;
}

/** OpenAI's clients know these reasons alone. */
export const finishReasons: Readonly<Record<FinishReason, string>> = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  'content-filter': 'content_filter',
  load: 'stop',
  unload: 'stop',
};
