import { isObject, type JsonObject, toArray } from '../json/json-value.ts';

/**
 * A whole answer with the keys that OpenAI's schema requires of it, null where the engine left them out: llama-server says neither
 * `logprobs` nor `refusal`. The very bytes that came, where none is missing.
 */
export function withRequiredNulls(body: Buffer, answer: JsonObject): Buffer {
  const choices = toArray(answer['choices']) ?? [];
  if (choices.every(isComplete)) return body;
  return Buffer.from(JSON.stringify({ ...answer, choices: choices.map(complete) }));
}

function isComplete(choice: unknown): boolean {
  if (!isObject(choice)) return true;
  const { message } = choice;
  return choice['logprobs'] !== undefined && (!isObject(message) || message['refusal'] !== undefined);
}

function complete(choice: unknown): unknown {
  if (!isObject(choice)) return choice;
  const { message } = choice;
  return { logprobs: null, ...choice, ...(isObject(message) ? { message: { refusal: null, ...message } } : {}) };
}
