import { createMessageEncoder } from '@waggle/shared/dialects/anthropic/answer-encoder.ts';
import { readMessagesRequest } from '@waggle/shared/dialects/anthropic/read-request.ts';
import { renderStreamError } from '@waggle/shared/dialects/anthropic/render-error.ts';
import { openai } from '@waggle/shared/dialects/openai/openai.ts';
import type { TranslatedCall, Translation } from '../inference/translation.ts';

/** Whether a model can be asked to think. */
export type CanThink = (model: string) => boolean;

/** `/v1/messages`. */
export function messagesTranslation(canThink: CanThink): Translation {
  return {
    api: 'anthropic.messages',
    errorForm: 'anthropic',
    read: (body, requestId) => readCall(body, requestId, canThink),
  };
}

function readCall(body: unknown, requestId: string, canThink: CanThink): TranslatedCall {
  const { chat, thinks } = toChat(body, { canThink, countsOnly: false });
  return {
    chat,
    alsoNeeds: thinks ? ['thinking'] : [],
    createEncoder: ({ model, promptTokens }) => createMessageEncoder({ model, requestId, promptTokens }),
    renderStreamError: (error) => renderStreamError(error, requestId),
  };
}

/** What the prompt of a body of `/v1/messages/count_tokens` comes to, by estimate: the tokenizer is the engine's. */
export function estimateTokens(body: unknown): { readonly model: string; readonly tokens: number } {
  const { chat } = toChat(body, { canThink: () => true, countsOnly: true });
  const { model, promptTokens } = openai.inspectRequest('openai.chat', chat);
  return { model, tokens: promptTokens };
}

function toChat(body: unknown, options: { readonly canThink: CanThink; readonly countsOnly: boolean }) {
  const { chat, passedOn } = readMessagesRequest(body, options);
  const { think, ...rest } = chat;
  const thinks = think !== undefined && think !== false && options.canThink(chat.model);
  const request = think === false || thinks ? chat : rest;
  return { chat: { ...passedOn, ...openai.encodeRequest(request).body }, thinks };
}
