import type { ChatMessage, ContentPart, ToolCall } from '../../chat/generation-request.ts';
import type { JsonObject } from '../json/json-value.ts';
import { withoutAbsent } from '../json/without-absent.ts';
import { toLaterSystem } from '../requests/later-system.ts';
import { needText, readFlag, readText, toFields, wrongField } from '../requests/read-fields.ts';
import { joinTexts, readBlocks, readParts, readTextBlock, wrongBlock } from './read-content.ts';

/** The conversation in no dialect; a message with tool results becomes several. */
export function readMessages(messages: readonly unknown[]): readonly ChatMessage[] {
  if (messages.length === 0) throw wrongField('messages', 'at least one message is required');
  return messages.flatMap((item, index) => {
    const path = `messages.${index}`;
    const message = toFields(item, path);
    const { content } = message;
    if (content === undefined || content === null) throw wrongField(`${path}.content`, 'is required');
    const blocks = readBlocks(content, `${path}.content`);
    switch (message['role']) {
      case 'user':
        return readUserMessage(blocks, `${path}.content`);
      case 'assistant':
        return [readAssistantMessage(blocks, `${path}.content`)];
      case 'system':
        return [{ role: 'system', content: readSystem(blocks, `${path}.content`) }];
      default:
        throw wrongField(`${path}.role`, 'must be "user", "assistant" or "system"');
    }
  });
}

/** Turns of one side in a row are one turn, and what the system says later is part of the user's. */
export function combineTurns(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const turns: ChatMessage[] = [];
  for (const message of messages) {
    const last = turns.at(-1);
    const isLater = message.role === 'system' && last !== undefined && !(last.role === 'system' && turns.length === 1);
    const turn = isLater ? { role: 'user', content: message.content.map(asLater) } : message;
    const isSame = last?.role === turn.role && (turn.role === 'user' || turn.role === 'system');
    if (isSame) turns[turns.length - 1] = { ...last, content: joinTexts([...last.content, ...turn.content]) };
    else turns.push(turn);
  }
  return turns;
}

function asLater(part: ContentPart): ContentPart {
  return part.type === 'text' ? { type: 'text', text: toLaterSystem(part.text) } : part;
}

/**
 * A line that one coding client puts in front of its system prompt, for the accounts of Anthropic's own service. It differs with
 * every request and says nothing to a model; left in, no engine could use again what it has computed of the prompt.
 */
const billingLine = /^x-anthropic-billing-header:[^\n]*\n?/;

export function readSystem(blocks: readonly JsonObject[], path: string): readonly ContentPart[] {
  const parts = blocks.map((block, index): ContentPart => {
    const at = `${path}.${index}`;
    if (block['type'] !== 'text') throw wrongBlock(block, at);
    return { type: 'text', text: readTextBlock(block, at).replace(billingLine, '') };
  });
  return joinTexts(parts.filter((part) => part.type !== 'text' || part.text !== ''));
}

/**
 * Each tool result becomes a message of its own, ahead of what the user says. Images in results go with what the user says: chat
 * templates take images from users, few take them from tools.
 */
function readUserMessage(blocks: readonly JsonObject[], path: string): ChatMessage[] {
  const messages: ChatMessage[] = [];
  const parts: ContentPart[] = [];
  for (const [index, block] of blocks.entries()) {
    const at = `${path}.${index}`;
    if (block['type'] === 'tool_result') {
      const result = readBlocks(block['content'], `${at}.content`).flatMap((part, place) =>
        readParts(part, `${at}.content.${place}`),
      );
      messages.push(toToolMessage(block, result, at));
      parts.push(...result.filter((part) => part.type === 'image'));
    } else parts.push(...readParts(block, at));
  }
  if (parts.length > 0 || messages.length === 0) messages.push({ role: 'user', content: joinTexts(parts) });
  return messages;
}

/** No engine has a mark for results that are errors, so the text says it. */
function toToolMessage(block: JsonObject, result: readonly ContentPart[], path: string): ChatMessage {
  const isError = readFlag(block, 'is_error', path) === true;
  const texts = result.filter((part) => part.type === 'text');
  const said = joinTexts(isError ? [{ type: 'text', text: 'Error:' }, ...texts] : texts);
  return { role: 'tool', content: said, toolCallId: needText(block, 'tool_use_id', path) };
}

function readAssistantMessage(blocks: readonly JsonObject[], path: string): ChatMessage {
  const parts: ContentPart[] = [];
  const thoughts: string[] = [];
  const toolCalls: ToolCall[] = [];
  for (const [index, block] of blocks.entries()) {
    const at = `${path}.${index}`;
    switch (block['type']) {
      case 'text':
        parts.push({ type: 'text', text: readTextBlock(block, at) });
        break;
      case 'thinking':
        thoughts.push(readText(block, 'thinking', at) ?? '');
        break;
      case 'redacted_thinking':
        // Sealed by Anthropic's service: nobody else can read it.
        break;
      case 'tool_use':
        toolCalls.push({
          index: toolCalls.length,
          id: needText(block, 'id', at),
          name: needText(block, 'name', at),
          arguments: JSON.stringify(toFields(block['input'] ?? {}, `${at}.input`)),
        });
        break;
      default:
        throw wrongBlock(block, at);
    }
  }
  const thinking = thoughts.filter((thought) => thought !== '').join('\n');
  return {
    role: 'assistant',
    content: joinTexts(parts),
    ...withoutAbsent({
      thinking: thinking === '' ? undefined : thinking,
      toolCalls: toolCalls.length === 0 ? undefined : toolCalls,
    }),
  };
}
