import type { ChatMessage, ContentPart, ImageData, ToolCall } from '../../chat/generation-request.ts';
import { withoutAbsent } from '../json/without-absent.ts';

interface OpenCall {
  readonly id: string;
  readonly name: string;
}

/**
 * The conversation as OpenAI's chat wants it. Calls without an id (Ollama's clients may leave them out) get one, and a tool's
 * answer without one is given that of the first unanswered call of its tool.
 */
export function encodeMessages(messages: readonly ChatMessage[]): Record<string, unknown>[] {
  const open: OpenCall[] = [];
  let count = 0;
  return messages.map((message) => {
    const { role, content, thinking, toolCalls, toolName } = message;
    const calls = toolCalls?.map((call) => {
      const id = call.id ?? makeId(count);
      count++;
      open.push({ id, name: call.name });
      return encodeToolCall(call, id);
    });
    const answers = role === 'tool' ? (message.toolCallId ?? takeCall(open, toolName)) : message.toolCallId;
    return {
      role,
      content: encodeContent(content),
      ...withoutAbsent({
        // One engine reads the one name, another the other.
        reasoning: thinking,
        reasoning_content: thinking,
        tool_calls: calls,
        tool_call_id: answers,
        name: role === 'tool' ? toolName : undefined,
      }),
    };
  });
}

/** Nine letters and digits: the only form that all tokenizers of tool calls take. */
function makeId(index: number): string {
  return `call${String(index).padStart(5, '0')}`;
}

function takeCall(open: OpenCall[], name: string | undefined): string | undefined {
  const place = Math.max(
    0,
    open.findIndex((call) => call.name === name),
  );
  return open.splice(place, 1)[0]?.id;
}

function encodeToolCall(call: ToolCall, id: string): Record<string, unknown> {
  return { id, type: 'function', function: { name: call.name, arguments: call.arguments } };
}

/** A plain text where there is nothing but text. */
export function encodeContent(parts: readonly ContentPart[]): string | Record<string, unknown>[] {
  if (parts.every((part) => part.type === 'text')) return parts.map((part) => part.text).join('');
  return parts.map((part) => (part.type === 'text' ? { type: 'text', text: part.text } : encodeImage(part.image)));
}

function encodeImage(image: ImageData): Record<string, unknown> {
  const mimeType = image.mimeType ?? sniffType(image.base64);
  if (mimeType.startsWith('audio/')) {
    return { type: 'input_audio', input_audio: { data: image.base64, format: mimeType.slice('audio/'.length) } };
  }
  return { type: 'image_url', image_url: { url: `data:${mimeType};base64,${image.base64}` } };
}

/** Type of a medium by its first bytes: Ollama's come without one. What is unknown is called a PNG, for the engine to refuse. */
function sniffType(base64: string): string {
  const head = Buffer.from(base64.slice(0, 16), 'base64').toString('latin1');
  if (head.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (head.startsWith('GIF8')) return 'image/gif';
  if (head.startsWith('BM')) return 'image/bmp';
  if (head.startsWith('ID3')) return 'audio/mp3';
  if (head.startsWith('RIFF')) return head.slice(8, 12) === 'WAVE' ? 'audio/wav' : 'image/webp';
  return 'image/png';
}
