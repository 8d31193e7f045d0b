import { type ChunkForm, frameEvent, quoteFinish } from './chunk-form.ts';
import { usageJson, vllmForm } from './vllm-form.ts';

export const lmStudioForm: ChunkForm = {
  ...vllmForm,
  openingDelta: '{"role":"assistant","content":""}',
  chatChunk: ({ id, created, model }, delta, finish, logprobs = 'null') =>
    frameEvent(
      `{"id":"${id}","object":"chat.completion.chunk","created":${created},"model":${model},"system_fingerprint":${model},"choices":[{"index":0,"delta":${delta},"logprobs":${logprobs},"finish_reason":${quoteFinish(finish)}}]}`,
    ),
  chatBody: ({ id, created, model }, message, finish, turn, logprobs = 'null') =>
    `{"id":"${id}","object":"chat.completion","created":${created},"model":${model},"choices":[{"index":0,"message":${message},"logprobs":${logprobs},"finish_reason":"${finish}"}],"usage":${usageJson(turn)},"stats":{},"system_fingerprint":${model}}`,

  chatEnd: (envelope, finish) => lmStudioForm.chatChunk(envelope, '{}', finish),
};
