import { isObject, type JsonObject, toArray } from '../json/json-value.ts';

const messageKey = Buffer.from('"message":{');
const emptyObjectEnd = 0x7d;

/**
 * A whole answer with the keys that OpenAI's schema requires of it, null where the engine left them out: llama-server says neither
 * `logprobs` nor `refusal`. The very bytes that came, where none is missing; around what is put in where that is seen to be in place.
 */
export function withRequiredNulls(body: Buffer, answer: JsonObject): Buffer {
  const choices = toArray(answer['choices']) ?? [];
  if (choices.every(isComplete)) return body;
  return spliced(body, choices) ?? Buffer.from(JSON.stringify({ ...answer, choices: choices.map(complete) }));
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

/**
 * The usual answer, one choice with one message in compact JSON, is not written anew: numbers stay as the engine spelled them. Inside a
 * string the key cannot be found, its quotes would be escaped there. Undefined: the answer is another.
 */
function spliced(body: Buffer, [choice, ...others]: readonly unknown[]): Buffer | undefined {
  if (others.length > 0 || !isObject(choice) || !isObject(choice['message'])) return undefined;
  const at = body.indexOf(messageKey);
  const inside = at + messageKey.length;
  if (at === -1 || body[inside] === emptyObjectEnd || body.indexOf(messageKey, inside) !== -1) return undefined;
  const logprobs = choice['logprobs'] === undefined ? '"logprobs":null,' : '';
  const refusal = choice['message']['refusal'] === undefined ? '"refusal":null,' : '';
  const opening = Buffer.from(`${logprobs}${messageKey.toString()}${refusal}`);
  return Buffer.concat([body.subarray(0, at), opening, body.subarray(inside)]);
}
