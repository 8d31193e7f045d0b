import type { Turn } from '../engine-core.ts';
import { type ChunkForm, frameEvent, quoteFinish } from './chunk-form.ts';

const LLAMA_FINGERPRINT = '"system_fingerprint":"b0-scripted"';

function llamaUsage({ promptTokens, cachedTokens, answer }: Turn): string {
  const total = promptTokens + answer.tokens;
  return `{"completion_tokens":${answer.tokens},"prompt_tokens":${promptTokens},"total_tokens":${total},"prompt_tokens_details":{"cached_tokens":${cachedTokens}}}`;
}

function llamaTimings({ promptTokens, cachedTokens, prefillMs, answer, decodesSince }: Turn): string {
  const computed = promptTokens - cachedTokens;
  const decodeMs = Math.max(0.001, performance.now() - decodesSince);
  const promptMs = Math.max(0.001, prefillMs);
  return JSON.stringify({
    cache_n: cachedTokens,
    prompt_n: computed,
    prompt_ms: promptMs,
    prompt_per_token_ms: promptMs / Math.max(1, computed),
    prompt_per_second: (computed / promptMs) * 1000,
    predicted_n: answer.tokens,
    predicted_ms: decodeMs,
    predicted_per_token_ms: decodeMs / Math.max(1, answer.tokens),
    predicted_per_second: (answer.tokens / decodeMs) * 1000,
  });
}

export const llamaServerForm: ChunkForm = {
  openingDelta: '{"role":"assistant","content":null}',
  chatChunk: ({ id, created, model }, delta, finish, logprobs) =>
    frameEvent(
      `{"choices":[{"finish_reason":${quoteFinish(finish)},"index":0,"delta":${delta}${logprobs === undefined ? '' : `,"logprobs":${logprobs}`}}],"created":${created},"id":"${id}","model":${model},${LLAMA_FINGERPRINT},"object":"chat.completion.chunk"}`,
    ),
  textChunk: ({ id, created, model }, text, finish, logprobs = 'null') =>
    frameEvent(
      `{"choices":[{"text":${text},"index":0,"logprobs":${logprobs},"finish_reason":${quoteFinish(finish)}}],"created":${created},"model":${model},${LLAMA_FINGERPRINT},"object":"text_completion","id":"${id}"}`,
    ),
  usageChunk: ({ id, created, model }, object, turn) =>
    frameEvent(
      `{"choices":[],"created":${created},"id":"${id}","model":${model},${LLAMA_FINGERPRINT},"object":"${object}","usage":${llamaUsage(turn)},"timings":${llamaTimings(turn)}}`,
    ),
  chatBody: ({ id, created, model }, message, finish, turn, logprobs) =>
    `{"choices":[{"finish_reason":"${finish}","index":0,"message":${message}${logprobs === undefined ? '' : `,"logprobs":${logprobs}`}}],"created":${created},"model":${model},${LLAMA_FINGERPRINT},"object":"chat.completion","usage":${llamaUsage(turn)},"id":"${id}","timings":${llamaTimings(turn)}}`,
  textBody: ({ id, created, model }, text, finish, turn, logprobs = 'null') =>
    `{"choices":[{"text":${text},"index":0,"logprobs":${logprobs},"finish_reason":"${finish}"}],"created":${created},"model":${model},${LLAMA_FINGERPRINT},"object":"text_completion","usage":${llamaUsage(turn)},"id":"${id}","timings":${llamaTimings(turn)}}`,

  chatEnd: ({ id, created, model }, finish, turn, includeUsage) =>
    frameEvent(
      `{"choices":[{"finish_reason":"${finish}","index":0,"delta":{}}],"created":${created},"id":"${id}","model":${model},${LLAMA_FINGERPRINT},"object":"chat.completion.chunk"${includeUsage ? '' : `,"timings":${llamaTimings(turn)}`}}`,
    ),
  textEnd: ({ id, created, model }, finish, turn) =>
    frameEvent(
      `{"choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"${finish}"}],"created":${created},"model":${model},${LLAMA_FINGERPRINT},"object":"text_completion","usage":${llamaUsage(turn)},"id":"${id}","timings":${llamaTimings(turn)}}`,
    ),
};
