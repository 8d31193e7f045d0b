import { isObject, type JsonObject, toArray, toText } from '../json/json-value.ts';

/**
 * What clients keep that are given nothing else of the thinking. Nothing is secret about it: it is the text, marked, so that it can
 * be told from what others sealed.
 */
const mark = 'waggle.';

export function toSealed(thinking: string): string {
  return mark + Buffer.from(thinking).toString('base64');
}

/** The thinking of a reasoning item, wherever it is; empty where it was sealed by somebody else. */
export function toThinking(item: JsonObject): string {
  const said = joinTexts(item['content']) || joinTexts(item['summary']);
  if (said !== '') return said;
  const sealed = toText(item['encrypted_content']) ?? '';
  return sealed.startsWith(mark) ? Buffer.from(sealed.slice(mark.length), 'base64').toString('utf8') : '';
}

function joinTexts(parts: unknown): string {
  return (toArray(parts) ?? []).flatMap((part) => (isObject(part) ? [toText(part['text']) ?? ''] : [])).join('\n');
}
