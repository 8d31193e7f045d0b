import type { ToolCall } from '../../chat/generation-request.ts';
import { isFilled, isObject, toNumber, toText } from '../json/json-value.ts';

interface OpenCall {
  readonly key: number;
  id: string | undefined;
  name: string;
  arguments: string;
}

/**
 * Joins the fragments of streamed tool calls. A call is complete when the next one begins or the answer ends. Fragments belong
 * together by their `index`; servers that leave it out are told apart by a new id.
 */
export function createToolCallJoiner(): {
  push(fragments: readonly unknown[]): ToolCall[];
  end(): ToolCall[];
} {
  let open: OpenCall | undefined;
  let count = 0;

  function close(): ToolCall[] {
    if (open === undefined) return [];
    const { id, name, arguments: text } = open;
    open = undefined;
    if (name === '') return [];
    return [{ index: count++, ...(id === undefined ? {} : { id }), name, arguments: text === '' ? '{}' : text }];
  }

  return {
    push(fragments) {
      const calls: ToolCall[] = [];
      for (const fragment of fragments) {
        if (!isObject(fragment)) continue;
        const id = isFilled(fragment['id']) ? fragment['id'] : undefined;
        const index = toNumber(fragment['index']);
        const isNew =
          open === undefined || (index === undefined ? id !== undefined && id !== open.id : index !== open.key);
        if (isNew) {
          calls.push(...close());
          open = { key: index ?? -1, id, name: '', arguments: '' };
        }
        if (open !== undefined) addTo(open, fragment, id);
      }
      return calls;
    },
    end: close,
  };
}

function addTo(call: OpenCall, fragment: Readonly<Record<string, unknown>>, id: string | undefined): void {
  call.id ??= id;
  const named = isObject(fragment['function']) ? fragment['function'] : {};
  // The name comes once; a server that repeats it does not mean it twice.
  if (call.name === '') call.name = toText(named['name']) ?? '';
  const part = named['arguments'];
  if (typeof part === 'string') call.arguments += part;
  else if (isObject(part)) call.arguments += JSON.stringify(part);
}
