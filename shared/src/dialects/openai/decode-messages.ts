import type { ChatMessage, ContentPart, ImageData, ToolCall } from '../../chat/generation-request.ts';
import { firstBadBase64 } from '../json/base64.ts';
import { isFilled, isObject, type JsonObject, toArray, toObject, toText } from '../json/json-value.ts';
import { withoutAbsent } from '../json/without-absent.ts';
import { badRequest } from '../requests/unsupported.ts';

/** The conversation in no dialect. Throws `bad-request` with the words of Ollama's `/v1`. */
export function decodeMessages(messages: readonly unknown[]): readonly ChatMessage[] {
  const list = messages.filter(isObject);
  return list.map((message) => {
    const calls = toArray(message['tool_calls']);
    const reasoning = message['reasoning'];
    return {
      role: toText(message['role']) ?? '',
      content: decodeContent(message['content'], calls !== undefined),
      ...withoutAbsent({
        // vLLM and llama-server each have a name for it; clients send back what they got.
        thinking: isFilled(reasoning) ? reasoning : filled(message['reasoning_content']),
        toolCalls: calls === undefined || calls.length === 0 ? undefined : calls.map(decodeToolCall),
        toolCallId: filled(message['tool_call_id']),
        toolName: toolNameOf(message, list),
      }),
    };
  });
}

function decodeContent(content: unknown, hasToolCalls: boolean): readonly ContentPart[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  if (Array.isArray(content)) return content.map(decodePart);
  if (hasToolCalls) return [];
  throw badRequest('messages', 'invalid message content type: <nil>');
}

function decodePart(part: unknown): ContentPart {
  if (!isObject(part)) throw badRequest('messages', 'invalid message format');
  switch (part['type']) {
    case 'text':
      if (typeof part['text'] !== 'string') throw badRequest('messages', 'invalid message format');
      return { type: 'text', text: part['text'] };
    case 'image_url':
      return { type: 'image', image: decodeImage(part['image_url']) };
    case 'input_audio':
      return { type: 'image', image: decodeAudio(part['input_audio']) };
    default:
      throw badRequest('messages', 'invalid message format');
  }
}

const dataUrl = /^data:(image\/(?:jpeg|jpg|png|webp))?;base64,/;

function decodeImage(value: unknown): ImageData {
  const url = isObject(value) ? value['url'] : value;
  if (typeof url !== 'string') throw badRequest('messages', 'invalid message format');
  if (/^https?:\/\//.test(url)) {
    throw badRequest('messages', 'image URLs are not currently supported, please use base64 encoded data instead');
  }
  const head = dataUrl.exec(url);
  if (head === null) throw badRequest('messages', 'invalid image input');
  const base64 = url.slice(head[0].length);
  if (firstBadBase64(base64) !== -1) throw badRequest('messages', 'invalid image input');
  return { ...(head[1] === undefined ? {} : { mimeType: head[1] }), base64 };
}

/** Ollama takes sound where it takes images; the type tells them apart. */
function decodeAudio(value: unknown): ImageData {
  if (!isObject(value)) throw badRequest('messages', 'invalid input_audio format');
  const { data, format } = value;
  if (typeof data !== 'string') throw badRequest('messages', 'invalid input_audio format: missing data');
  const bad = firstBadBase64(data);
  if (bad !== -1) {
    throw badRequest('messages', `invalid input_audio base64 data: illegal base64 data at input byte ${bad}`);
  }
  return { mimeType: `audio/${isFilled(format) ? format : 'wav'}`, base64: data };
}

function decodeToolCall(call: unknown, index: number): ToolCall {
  const fields = toObject(call) ?? {};
  const named = toObject(fields['function']);
  const text = toText(named?.['arguments']) ?? '';
  if (!isArguments(text)) throw badRequest('messages', 'invalid tool call arguments');
  return {
    index,
    ...(isFilled(fields['id']) ? { id: fields['id'] } : {}),
    name: toText(named?.['name']) ?? '',
    arguments: text,
  };
}

function isArguments(text: string): boolean {
  try {
    return isObject(JSON.parse(text));
  } catch {
    return false;
  }
}

/** A tool's answer names its call by id only; Ollama's templates want the tool's name. The last call of that id counts. */
function toolNameOf(message: JsonObject, messages: readonly JsonObject[]): string | undefined {
  const { role, name, tool_call_id: id } = message;
  if (role !== 'tool' && role !== 'function') return undefined;
  if (isFilled(name)) return name;
  if (!isFilled(id)) return undefined;
  for (const earlier of messages.toReversed()) {
    for (const call of toArray(earlier['tool_calls']) ?? []) {
      if (isObject(call) && call['id'] === id) return filled(toObject(call['function'])?.['name']);
    }
  }
  return undefined;
}

function filled(value: unknown): string | undefined {
  return isFilled(value) ? value : undefined;
}
