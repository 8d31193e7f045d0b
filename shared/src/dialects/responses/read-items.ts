import { isFilled, isObject, type JsonObject } from '../json/json-value.ts';
import { toLaterSystem } from '../requests/later-system.ts';
import { needText, readList, readText, toFields, wrongField } from '../requests/read-fields.ts';
import { unsupported } from '../requests/unsupported.ts';
import { toThinking } from './reasoning-item.ts';
import { toChatName, toCustomArguments } from './tool-names.ts';

/** What a request may refer to instead of saying it again. Each throws for what is not there. */
export interface KeptItems {
  /** Input and output of a response and of those before it. */
  before(responseId: string): readonly JsonObject[];
  item(itemId: string): JsonObject;
}

/** The `input` of a request as items in their long form, references resolved. */
export function readInput(fields: JsonObject, kept: KeptItems): readonly JsonObject[] {
  const { input } = fields;
  if (typeof input === 'string') return [toMessage({ role: 'user', content: input }, 'input')];
  const list = readList(fields, 'input');
  if (list === undefined) return [];
  return list.map((value, index) => {
    const path = `input[${index}]`;
    const item = toFields(value, path);
    const type = item['type'] ?? (item['role'] === undefined ? 'item_reference' : 'message');
    if (type === 'item_reference') return kept.item(needText(item, 'id', path));
    return type === 'message' ? toMessage(item, path) : item;
  });
}

function toMessage(item: JsonObject, path: string): JsonObject {
  const role = needText(item, 'role', path);
  const { content } = item;
  const type = role === 'assistant' ? 'output_text' : 'input_text';
  if (typeof content === 'string') {
    const part = role === 'assistant' ? { type, text: content, annotations: [] } : { type, text: content };
    return { ...item, type: 'message', role, content: [part] };
  }
  if (!Array.isArray(content)) throw wrongField(`${path}.content`, 'must be a text or a list of parts');
  return { ...item, type: 'message', role };
}

/** A message of a chat while it is put together. */
interface Draft {
  role: string;
  content: string | JsonObject[];
  reasoning?: string;
  reasoning_content?: string;
  tool_calls?: JsonObject[];
  tool_call_id?: string;
}

/** The conversation as messages of a chat; `pathOf` names an item in a refusal. */
export function toChatMessages(items: readonly JsonObject[], instructions: string | undefined): readonly Draft[] {
  const messages: Draft[] = [];
  const push = (draft: Draft): Draft => {
    messages.push(draft);
    return draft;
  };
  if (instructions !== undefined && instructions !== '') push({ role: 'system', content: instructions });
  /** What the model said last, as long as it goes on. */
  let turn: Draft | undefined;
  let thinking = '';
  /** Of the results since then. */
  let images: readonly JsonObject[] = [];
  for (const [index, item] of items.entries()) {
    const path = `input[${index}]`;
    if (!isResult(item)) showImages();
    switch (item['type']) {
      case 'message':
        if (item['role'] === 'assistant') {
          const text = readSaid(item, path);
          if (turn === undefined || turn.content !== '' || turn.tool_calls !== undefined || thinking !== '') {
            turn = push({ role: 'assistant', content: text, ...takeThinking() });
          } else turn.content = text;
        } else {
          turn = undefined;
          thinking = '';
          pushAsked(item, path);
        }
        break;
      case 'reasoning':
        thinking = toThinking(item);
        turn = undefined;
        break;
      case 'function_call':
      case 'custom_tool_call': {
        turn ??= push({ role: 'assistant', content: '', ...takeThinking() });
        turn.tool_calls ??= [];
        turn.tool_calls.push(toToolCall(item, path));
        break;
      }
      case 'function_call_output':
      case 'custom_tool_call_output': {
        turn = undefined;
        const parts = readParts(item['output'], `${path}.output`);
        images = [...images, ...parts.filter((part) => part['type'] !== 'text')];
        push({ role: 'tool', content: joinTexts(parts), tool_call_id: needText(item, 'call_id', path) });
        break;
      }
      default: {
        const type = readText(item, 'type', path) ?? '';
        throw unsupported(`${path}.type`, `${path}.type: items of type ${JSON.stringify(type)} are not supported`);
      }
    }
  }
  showImages();
  return messages;

  /** Chat templates take images from users, few take them from tools, and none a user between the results of one turn. */
  function showImages(): void {
    if (images.length > 0) pushUser(images);
    images = [];
  }

  function takeThinking(): Pick<Draft, 'reasoning' | 'reasoning_content'> {
    const text = thinking;
    thinking = '';
    // One engine reads the one name, another the other.
    return text === '' ? {} : { reasoning: text, reasoning_content: text };
  }

  /** Templates want one system message, at the beginning; `developer` is a role few of them know. */
  function pushAsked(item: JsonObject, path: string): void {
    const role = needText(item, 'role', path);
    if (role !== 'user' && role !== 'system' && role !== 'developer') {
      throw wrongField(`${path}.role`, 'must be "user", "assistant", "system" or "developer"');
    }
    const parts = readParts(item['content'], `${path}.content`);
    const [first, ...others] = messages;
    if (role !== 'user' && parts.some((part) => part['type'] !== 'text')) {
      throw wrongField(`${path}.content`, 'must be text, where it is not of the user');
    }
    if (role === 'user') pushUser(parts);
    else if (first === undefined) push({ role: 'system', content: joinTexts(parts) });
    else if (first.role === 'system' && others.length === 0)
      first.content = joinTexts([...toParts(first.content), ...parts]);
    else pushUser([{ type: 'text', text: toLaterSystem(joinTexts(parts)) }]);
  }

  /** Users who speak twice in a row are refused by many templates, too. */
  function pushUser(parts: readonly JsonObject[]): void {
    const last = messages.at(-1);
    const before = last?.role === 'user' ? toParts(last.content) : [];
    const all = [...before, ...parts];
    const content = all.every((part) => part['type'] === 'text') ? joinTexts(all) : all;
    if (last?.role === 'user') last.content = content;
    else push({ role: 'user', content });
  }
}

function isResult({ type }: JsonObject): boolean {
  return type === 'function_call_output' || type === 'custom_tool_call_output';
}

function toParts(content: Draft['content']): readonly JsonObject[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}

function joinTexts(parts: readonly JsonObject[]): string {
  return parts.flatMap((part) => (part['type'] === 'text' ? [String(part['text'])] : [])).join('\n');
}

/** What the model said in an earlier turn. */
function readSaid(item: JsonObject, path: string): string {
  return (readList(item, 'content', path) ?? [])
    .map((value, index) => {
      const at = `${path}.content[${index}]`;
      const part = toFields(value, at);
      return (part['type'] === 'refusal' ? readText(part, 'refusal', at) : readText(part, 'text', at)) ?? '';
    })
    .join('');
}

function readParts(content: unknown, path: string): readonly JsonObject[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  if (!Array.isArray(content)) throw wrongField(path, 'must be a text or a list of parts');
  return content.map((value: unknown, index) => readPart(toFields(value, `${path}[${index}]`), `${path}[${index}]`));
}

function readPart(part: JsonObject, path: string): JsonObject {
  switch (part['type']) {
    case 'input_text':
    case 'output_text':
    case 'text':
      return { type: 'text', text: readText(part, 'text', path) ?? '' };
    case 'input_image': {
      const url = part['image_url'];
      if (isFilled(url)) {
        const detail = readText(part, 'detail', path);
        return { type: 'image_url', image_url: { url, ...(detail === undefined ? {} : { detail }) } };
      }
      throw unsupported(`${path}.file_id`, `${path}: there are no stored files; give the image in image_url`);
    }
    case 'input_audio':
      if (isObject(part['input_audio'])) return { type: 'input_audio', input_audio: part['input_audio'] };
      throw wrongField(`${path}.input_audio`, 'is required');
    case 'input_file':
      throw unsupported(`${path}.type`, `${path}.type: files are not supported; give their text`);
    default: {
      const type = readText(part, 'type', path) ?? '';
      throw unsupported(`${path}.type`, `${path}.type: parts of type ${JSON.stringify(type)} are not supported`);
    }
  }
}

function toToolCall(item: JsonObject, path: string): JsonObject {
  const name = toChatName(needText(item, 'name', path), readText(item, 'namespace', path));
  const text = readText(item, item['type'] === 'custom_tool_call' ? 'input' : 'arguments', path) ?? '';
  const said = item['type'] === 'custom_tool_call' ? toCustomArguments(text) : text === '' ? '{}' : text;
  return { id: needText(item, 'call_id', path), type: 'function', function: { name, arguments: said } };
}
