import { findJsonEnd, parseJsonObject } from './balanced-json.ts';

/**
 * How a template writes the call of a tool.
 * `object`: `open`, a JSON object with the name and the arguments under these keys (or a list of such), `close`.
 * `parts`: `open`, the name, `afterName`, perhaps an id and `beforeArguments`, the arguments as a JSON object, `close`.
 */
export type ToolForm =
  | {
      readonly kind: 'object';
      readonly open: string;
      readonly close: string;
      readonly nameKey: string;
      readonly argumentsKey: string;
      readonly isList: boolean;
    }
  | {
      readonly kind: 'parts';
      readonly open: string;
      readonly afterName: string;
      /** Empty: there is no id. */
      readonly beforeArguments: string;
      readonly close: string;
    }
  | TaggedForm
  | QuotedForm;

/**
 * `open`, then calls: `inner` (empty where `open` stands right before the name), the name, and for each argument `beforeKey`, its key, what ends
 * in `afterKey`, its value and `afterValue`; each call ends with `close`, all of them with `end`, if there is one.
 */
export interface TaggedForm {
  readonly kind: 'tagged';
  readonly open: string;
  readonly inner: string;
  /** All that is written before the name of the first call. */
  readonly begin: string;
  readonly afterName: string;
  readonly beforeKey: string;
  readonly afterKey: string;
  readonly afterValue: string;
  readonly close: string;
  readonly end: string;
}

/** `begin` (`open` and what follows it), the name, an object whose keys are bare and whose texts stand between `quote`s, `close`. */
export interface QuotedForm {
  readonly kind: 'quoted';
  readonly open: string;
  readonly begin: string;
  readonly quote: string;
  readonly close: string;
}

/** A sample that stands out wherever a template writes it. */
export const sampleCall = {
  id: 'sample001',
  name: 'sample_tool_name',
  key: 'sample_key',
  value: 'sample_value',
  otherKey: 'sample_next_key',
  otherValue: 'another_value',
} as const;

/** One mark in brackets, such as a model has a token for. */
const oneMark = /^(?:<[^<>]+>|\[[A-Z_]+\])$/;

/**
 * The form of a call, from what a template writes of `sampleCall` in the place of an answer: without what it writes before an
 * answer, and with what it writes after one (`ending`). Undefined: not understood.
 */
export function findToolForm(written: string, ending: string): ToolForm | undefined {
  const nameAt = written.indexOf(sampleCall.name);
  const keyAt = written.indexOf(sampleCall.key);
  if (nameAt === -1 || keyAt === -1) return undefined;
  const end = ending !== '' && written.endsWith(ending) ? written.length - ending.length : written.length;
  const places = { nameAt, keyAt, end };
  for (const find of [findObjectForm, findPartsForm, findTaggedForm, findQuotedForm]) {
    const form = find(written, places);
    if (form !== undefined) return form;
  }
  return undefined;
}

interface Places {
  readonly nameAt: number;
  readonly keyAt: number;
  /** Of the call. */
  readonly end: number;
}

/** The smallest JSON object around both the name and the arguments. */
function findObjectForm(written: string, { nameAt, keyAt, end }: Places): ToolForm | undefined {
  const first = Math.min(nameAt, keyAt);
  for (let start = written.lastIndexOf('{', first); start !== -1; start = written.lastIndexOf('{', start - 1)) {
    const objectEnd = findJsonEnd(written, start);
    if (objectEnd > Math.max(nameAt, keyAt)) {
      const object = parseJsonObject(written.slice(start, objectEnd));
      const entries = Object.entries(object ?? {});
      const nameKey = entries.find(([, value]) => value === sampleCall.name)?.[0];
      const argumentsKey = entries.find(([, value]) => isSampleArguments(value))?.[0];
      if (nameKey !== undefined && argumentsKey !== undefined) {
        const before = written.slice(0, start);
        const isList = before.trimEnd().endsWith('[') && written.slice(objectEnd).trimStart().startsWith(']');
        const open = isList ? before.trimEnd().slice(0, -1) : before;
        const after = written.slice(objectEnd, Math.max(objectEnd, end));
        const close = isList ? after.trimStart().slice(1) : after;
        return { kind: 'object', open: open.trim(), close: firstMark(close), nameKey, argumentsKey, isList };
      }
    }
    if (start === 0) break;
  }
  return undefined;
}

function findPartsForm(written: string, { nameAt, keyAt, end }: Places): ToolForm | undefined {
  const start = written.lastIndexOf('{', keyAt);
  if (start < nameAt) return undefined;
  const objectEnd = findJsonEnd(written, start);
  if (objectEnd === -1 || !isSampleArguments(parseJsonObject(written.slice(start, objectEnd)))) return undefined;
  const open = written.slice(0, nameAt).trim();
  const [afterName = '', beforeArguments = ''] = written
    .slice(nameAt + sampleCall.name.length, start)
    .split(sampleCall.id)
    .map((part) => part.trim());
  // What is more than that differs from call to call, in ways that one sample does not show.
  if (!oneMark.test(open) || !oneMark.test(afterName)) return undefined;
  const close = firstMark(written.slice(objectEnd, Math.max(objectEnd, end)));
  return { kind: 'parts', open, afterName, beforeArguments, close };
}

function findTaggedForm(written: string, { nameAt, keyAt, end }: Places): ToolForm | undefined {
  const valueAt = written.indexOf(sampleCall.value, keyAt);
  const otherKeyAt = written.indexOf(sampleCall.otherKey, valueAt);
  const otherValueAt = written.indexOf(sampleCall.otherValue, otherKeyAt);
  if (keyAt < nameAt || valueAt === -1 || otherKeyAt === -1 || otherValueAt === -1) return undefined;
  const innerAt = written.lastIndexOf('<', nameAt);
  const between = written.slice(nameAt + sampleCall.name.length, keyAt);
  const keyMarkAt = between.lastIndexOf('<');
  if (innerAt === -1 || keyMarkAt === -1) return undefined;
  const outer = written.slice(0, innerAt).trim();
  const inner = written.slice(innerAt, nameAt).trim();
  const afterName = between.slice(0, keyMarkAt).trim();
  const afterKey = written.slice(keyAt + sampleCall.key.length, valueAt).trim();
  const afterValue = firstMark(written.slice(valueAt + sampleCall.value.length, otherKeyAt));
  const closing = written.slice(otherValueAt + sampleCall.otherValue.length, end).trim();
  if (afterValue === '' || !closing.startsWith(afterValue) || !afterKey.endsWith('>')) return undefined;
  if ((outer !== '' && !oneMark.test(outer)) || afterName.includes('<')) return undefined;
  const close = firstMark(closing.slice(afterValue.length));
  const rest = closing.slice(afterValue.length).trim().slice(close.length);
  return {
    kind: 'tagged',
    open: outer === '' ? inner : outer,
    inner: outer === '' ? '' : inner,
    begin: written.slice(0, nameAt).trimStart(),
    afterName,
    beforeKey: between.slice(keyMarkAt),
    afterKey: afterKey.slice(Math.max(0, afterKey.lastIndexOf('<'))).replace(/^[^<]*>$/, '>'),
    afterValue,
    close,
    end: outer === '' ? '' : firstMark(rest),
  };
}

function findQuotedForm(written: string, { nameAt, keyAt, end }: Places): ToolForm | undefined {
  const valueAt = written.indexOf(sampleCall.value, keyAt);
  const objectEnd = written.indexOf('}', valueAt);
  const quote = written.slice(keyAt + sampleCall.key.length + 1, valueAt);
  const [open, close] = [firstMark(written), firstMark(written.slice(objectEnd + 1, end))];
  const isObject = written[nameAt + sampleCall.name.length] === '{' && objectEnd !== -1;
  if (!isObject || !oneMark.test(quote) || open === '' || close === '') return undefined;
  return { kind: 'quoted', open, begin: written.slice(0, nameAt).trimStart(), quote, close };
}

function isSampleArguments(value: unknown): boolean {
  const object = typeof value === 'string' ? parseJsonObject(value) : value;
  return typeof object === 'object' && object !== null && Object.entries(object)[0]?.[0] === sampleCall.key;
}

/** What follows the mark that closes a call belongs to the turn. */
function firstMark(text: string): string {
  return /^(?:`{3}|<[^<>]+>|\[[^\]]+\])/.exec(text.trim())?.[0] ?? '';
}
