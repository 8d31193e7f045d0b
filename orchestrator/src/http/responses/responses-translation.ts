import { randomBytes } from 'node:crypto';
import type { JsonObject } from '@waggle/shared/dialects/json/json-value.ts';
import { openai } from '@waggle/shared/dialects/openai/openai.ts';
import { createResponseEncoder } from '@waggle/shared/dialects/responses/answer-encoder.ts';
import type { KeptItems } from '@waggle/shared/dialects/responses/read-items.ts';
import { type ReadOptions, readResponsesRequest } from '@waggle/shared/dialects/responses/read-request.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { TranslatedCall, Translation } from '../inference/translation.ts';
import { itemsUpTo, type KeptResponse, outputOf, type ResponseMemory } from './response-memory.ts';

/** `/v1/responses`. */
export function responsesTranslation(canThink: ReadOptions['canThink'], memory: ResponseMemory): Translation {
  return { api: 'openai.responses', errorForm: 'openai', read: (body) => readCall(body, canThink, memory) };
}

function readCall(body: unknown, canThink: ReadOptions['canThink'], memory: ResponseMemory): TranslatedCall {
  const request = readResponsesRequest(body, { canThink, ...keptItems(memory) });
  const { chat, echo, tools, reasoning, previousId, store } = request;
  const previous = previousId === undefined ? undefined : findPrevious(memory, previousId);
  const key = randomBytes(16).toString('hex');
  const input = request.input.map((item, index) => ({ id: `in_${key}${index}`, ...item }));
  const ended = (response: JsonObject): void => {
    if (store) memory.keep(`resp_${key}`, { response, input }, previous);
  };
  const encoder = createResponseEncoder({ key, createdAt: new Date(), echo, tools, reasoning, ended });
  return {
    chat,
    alsoNeeds: [],
    createEncoder: () => encoder,
    renderStreamError: (error) => encoder.encodeFailure(error),
  };
}

/** What the prompt of a request comes to, by estimate: the tokenizer is the engine's. */
export function estimateTokens(body: unknown, memory: ResponseMemory) {
  const { chat } = readResponsesRequest(body, { canThink: () => true, ...keptItems(memory) });
  const { model, promptTokens } = openai.inspectRequest('openai.chat', chat);
  return { model, tokens: promptTokens };
}

function keptItems(memory: ResponseMemory): KeptItems {
  return {
    before: (id) => itemsUpTo(findPrevious(memory, id)),
    item: (id) => {
      // The id of an item begins with that of its response.
      const [, key] = /^[a-z]+_([\da-f]{32})\d+$/.exec(id) ?? [];
      const kept = key === undefined ? undefined : memory.find(`resp_${key}`);
      const item = kept === undefined ? undefined : outputOf(kept).find((found) => found['id'] === id);
      if (item !== undefined) return item;
      throw new ClusterError('bad-request', `Item with id '${id}' not found.`, { details: { param: 'input' } });
    },
  };
}

function findPrevious(memory: ResponseMemory, id: string): KeptResponse {
  const kept = memory.find(id);
  if (kept !== undefined) return kept;
  throw new ClusterError('bad-request', `Previous response with id '${id}' not found.`, {
    details: { param: 'previous_response_id' },
  });
}
