import type { Turn } from '../engine-core.ts';
import { type ChunkForm, frameEvent, quoteFinish } from './chunk-form.ts';

export function usageJson({ promptTokens, cachedTokens, answer }: Turn): string {
  const total = promptTokens + answer.tokens;
  return `{"prompt_tokens":${promptTokens},"total_tokens":${total},"completion_tokens":${answer.tokens},"prompt_tokens_details":{"cached_tokens":${cachedTokens}}}`;
}

export const vllmForm: ChunkForm = {
  openingDelta: '{"role":"assistant","content":""}',
  chatChunk: ({ id, created, model }, delta, finish, logprobs = 'null') => {
    const stop = finish === null ? '' : ',"stop_reason":null';
    return frameEvent(
      `{"id":"${id}","object":"chat.completion.chunk","created":${created},"model":${model},"choices":[{"index":0,"delta":${delta},"logprobs":${logprobs},"finish_reason":${quoteFinish(finish)}${stop}}]}`,
    );
  },
  textChunk: ({ id, created, model }, text, finish, logprobs = 'null') =>
    frameEvent(
      `{"id":"${id}","object":"text_completion","created":${created},"model":${model},"choices":[{"index":0,"text":${text},"logprobs":${logprobs},"finish_reason":${quoteFinish(finish)},"stop_reason":null}]}`,
    ),
  usageChunk: ({ id, created, model }, object, turn) =>
    frameEvent(
      `{"id":"${id}","object":"${object}","created":${created},"model":${model},"choices":[],"usage":${usageJson(turn)}}`,
    ),
  chatBody: ({ id, created, model }, message, finish, turn, logprobs = 'null') =>
    `{"id":"${id}","object":"chat.completion","created":${created},"model":${model},"choices":[{"index":0,"message":${message},"logprobs":${logprobs},"finish_reason":"${finish}","stop_reason":null}],"service_tier":null,"system_fingerprint":null,"usage":${usageJson(turn)},"prompt_logprobs":null,"kv_transfer_params":null}`,
  textBody: ({ id, created, model }, text, finish, turn, logprobs = 'null') =>
    `{"id":"${id}","object":"text_completion","created":${created},"model":${model},"choices":[{"index":0,"text":${text},"logprobs":${logprobs},"finish_reason":"${finish}","stop_reason":null,"prompt_logprobs":null}],"service_tier":null,"system_fingerprint":null,"usage":${usageJson(turn)},"kv_transfer_params":null}`,

  chatEnd: (envelope, finish) => vllmForm.chatChunk(envelope, '{"content":""}', finish),
  textEnd: (envelope, finish) => vllmForm.textChunk(envelope, '""', finish),
};
