import type { ToolDefinition } from '@waggle/shared/chat/generation-request.ts';
import type { TaggedForm } from './tool-form.ts';

export interface TaggedCall {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/**
 * The calls that a text begins with, and where it goes on after them. Undefined: they are not complete yet; without `calls`: they are none.
 * `isWhole`: nothing more will come, and what is there counts.
 */
export function readTaggedCalls(
  text: string,
  form: TaggedForm,
  tools: ReadonlyMap<string, ToolDefinition>,
  isWhole: boolean,
): { readonly calls?: readonly TaggedCall[]; readonly end: number } | undefined {
  const { open, inner, close } = form;
  const last = form.end === '' ? close : form.end;
  // Models forget what stands around a call at times.
  const from = text.startsWith(open) ? open.length : 0;
  const found = text.indexOf(last, from);
  const begun = text.slice(from).trimStart();
  const isNone = inner !== '' && !begun.startsWith(inner) && !inner.startsWith(begun);
  const named = begun.startsWith(inner) ? /^\s*([\w.:-]+)[^\w.:-]/.exec(begun.slice(inner.length))?.[1] : undefined;
  // Nobody waits for the end of what is no call.
  if (isNone || (named !== undefined && !tools.has(named))) return { end: open.length };
  if (found === -1 && !isWhole) return undefined;
  const body = found === -1 ? text.slice(from) : text.slice(from, found);
  const parts = inner === '' ? [body] : body.split(inner).slice(1);
  const calls: TaggedCall[] = [];
  for (const part of parts) {
    const call = readCall(part, form, tools);
    if (call === undefined) return { end: open.length };
    calls.push(call);
  }
  if (calls.length === 0) return { end: open.length };
  return { calls, end: found === -1 ? text.length : found + last.length };
}

function readCall(
  part: string,
  { afterName, beforeKey, afterKey, afterValue }: TaggedForm,
  tools: ReadonlyMap<string, ToolDefinition>,
): TaggedCall | undefined {
  const name = /^\s*([\w.:-]+)/.exec(part)?.[1] ?? '';
  const tool = tools.get(name);
  if (tool === undefined || !part.trimStart().slice(name.length).trimStart().startsWith(afterName)) return undefined;
  const given: Record<string, unknown> = {};
  let at = part.indexOf(beforeKey);
  while (at !== -1) {
    const keyAt = at + beforeKey.length;
    const key = /^[^\s"<>]+/.exec(part.slice(keyAt))?.[0];
    const markAt = part.indexOf(afterKey, keyAt);
    if (key === undefined || markAt === -1) return undefined;
    const valueAt = markAt + afterKey.length;
    const end = part.indexOf(afterValue, valueAt);
    given[key] = toValue(part.slice(valueAt, end === -1 ? undefined : end), typeOf(tool, key));
    at = end === -1 ? -1 : part.indexOf(beforeKey, end);
  }
  return { name, arguments: given };
}

/** Texts stand as they are, everything else as JSON; which of them it is only the tool knows. */
function toValue(written: string, type: unknown): unknown {
  const text = written.replace(/^\r?\n/, '').replace(/\r?\n$/, '');
  if (type === 'string') return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function typeOf({ parameters }: ToolDefinition, key: string): unknown {
  const properties = (parameters as { readonly properties?: unknown } | undefined)?.properties;
  const schema = (properties as Readonly<Record<string, { readonly type?: unknown } | undefined>> | undefined)?.[key];
  return schema?.type;
}
