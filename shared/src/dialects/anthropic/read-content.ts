import type { ContentPart, ImageData } from '../../chat/generation-request.ts';
import { firstBadBase64 } from '../json/base64.ts';
import type { JsonObject } from '../json/json-value.ts';
import { needText, readObject, readText, toFields, wrongField } from '../requests/read-fields.ts';

/** A text, or a list of blocks: what every `content` of the API is. Absent or null: no blocks. */
export function readBlocks(content: unknown, path: string): readonly JsonObject[] {
  if (content === undefined || content === null) return [];
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  if (!Array.isArray(content)) throw wrongField(path, 'must be a text or a list of content blocks');
  return content.map((block: unknown, index) => toFields(block, `${path}.${index}`));
}

export function readTextBlock(block: JsonObject, path: string): string {
  const text = readText(block, 'text', path);
  if (text === undefined) throw wrongField(`${path}.text`, 'is required');
  return text;
}

/** Of a user's message or a tool's result. What was found or written down goes as text, under the names it has. */
export function readParts(block: JsonObject, path: string): readonly ContentPart[] {
  switch (block['type']) {
    case 'text':
      return [{ type: 'text', text: readTextBlock(block, path) }];
    case 'image':
      return [{ type: 'image', image: readImage(block, path) }];
    case 'document':
      return [...readNames(block, ['title', 'context'], path), ...readDocument(block, path)];
    case 'search_result':
      return [...readNames(block, ['title', 'source'], path), ...readAll(block['content'], `${path}.content`)];
    default:
      throw wrongBlock(block, path);
  }
}

function readAll(content: unknown, path: string): readonly ContentPart[] {
  return readBlocks(content, path).flatMap((block, index) => readParts(block, `${path}.${index}`));
}

function readNames(block: JsonObject, keys: readonly string[], path: string): readonly ContentPart[] {
  return keys.flatMap((key) => {
    const text = readText(block, key, path);
    return text === undefined || text === '' ? [] : [{ type: 'text', text }];
  });
}

function readDocument(block: JsonObject, path: string): readonly ContentPart[] {
  const source = readObject(block, 'source', path) ?? {};
  const at = `${path}.source`;
  switch (source['type']) {
    case 'text':
      return [{ type: 'text', text: needText(source, 'data', at) }];
    case 'content':
      return readAll(source['content'], `${at}.content`);
    default:
      throw wrongField(`${at}.type`, 'documents are taken as text or as content blocks only');
  }
}

const imageTypes = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'];

function readImage(block: JsonObject, path: string): ImageData {
  const source = readObject(block, 'source', path) ?? {};
  const at = `${path}.source`;
  if (source['type'] !== 'base64') {
    throw wrongField(`${at}.type`, 'images are not fetched from anywhere, only base64 is supported');
  }
  const mimeType = needText(source, 'media_type', at);
  if (!imageTypes.includes(mimeType)) throw wrongField(`${at}.media_type`, `must be one of ${imageTypes.join(', ')}`);
  const base64 = needText(source, 'data', at);
  if (firstBadBase64(base64) !== -1) throw wrongField(`${at}.data`, 'is no valid base64');
  return { mimeType, base64 };
}

export function wrongBlock(block: JsonObject, path: string): Error {
  const type = readText(block, 'type', path);
  if (type === undefined) return wrongField(`${path}.type`, 'is required');
  return wrongField(`${path}.type`, `blocks of type ${JSON.stringify(type)} are not supported here`);
}

/** Blocks of text side by side are lines of one text. */
export function joinTexts(parts: readonly ContentPart[]): readonly ContentPart[] {
  const joined: ContentPart[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (part.type === 'text' && last?.type === 'text') {
      joined[joined.length - 1] = { type: 'text', text: `${last.text}\n${part.text}` };
    } else joined.push(part);
  }
  return joined;
}
