import type { ToolDefinition } from '@waggle/shared/chat/generation-request.ts';
import { overlapWithEnd } from '../overlap.ts';
import { findJsonEnd, parseJsonObject } from './balanced-json.ts';
import { readQuotedCall } from './quoted-calls.ts';
import { readTaggedCalls } from './tagged-calls.ts';
import type { ToolForm } from './tool-form.ts';

export interface ReadCall {
  readonly name: string;
  /** JSON text of an object. */
  readonly arguments: string;
}

export type ReadPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'call'; readonly call: ReadCall };

/** Longest text that is looked at as a call. */
const callMaxLength = 1_000_000;

/**
 * Finds calls in text that comes in pieces. What begins like a call and is none, by its form or by naming a tool that is not
 * offered, stays text.
 */
export class ToolReader {
  readonly #form: ToolForm;
  readonly #offered: ReadonlyMap<string, ToolDefinition>;
  #held = '';
  /** Blank space before what may be a call. */
  #blank = '';
  #isInside = false;
  /** Without a mark only a whole answer can be a call. */
  #isBegun = false;
  #wasCall = false;

  constructor(form: ToolForm, offered: readonly ToolDefinition[]) {
    this.#form = form;
    this.#offered = new Map(offered.map((tool) => [tool.name, tool]));
  }

  push(text: string): readonly ReadPart[] {
    this.#held += text;
    const parts: ReadPart[] = [];
    while (this.#step(parts));
    return parts;
  }

  finish(): readonly ReadPart[] {
    const parts: ReadPart[] = [];
    if (this.#isInside) {
      const calls = this.#readCalls(this.#held, true)?.calls;
      if (calls !== undefined) {
        for (const call of calls) parts.push({ type: 'call', call });
        this.#held = '';
      } else {
        this.#held = this.#blank + this.#held;
      }
    }
    if (this.#held.trim() !== '' || (this.#held !== '' && !this.#wasCall))
      parts.push({ type: 'text', text: this.#held });
    this.#held = '';
    this.#isInside = false;
    return parts;
  }

  /** True: there may be more to read in what is held. */
  #step(parts: ReadPart[]): boolean {
    if (!this.#isInside) return this.#findOpening(parts);
    const read = this.#readCalls(this.#held, false);
    if (read === undefined) {
      if (this.#held.length <= callMaxLength) return false;
      this.#giveUp(parts);
      return false;
    }
    if (read.calls === undefined) {
      this.#giveUp(parts);
      return true;
    }
    for (const call of read.calls) parts.push({ type: 'call', call });
    this.#wasCall = true;
    this.#isInside = false;
    this.#held = this.#held.slice(read.end).trimStart();
    return this.#held !== '';
  }

  #findOpening(parts: ReadPart[]): boolean {
    const { open } = this.#form;
    if (this.#held === '') return false;
    if (open === '') return this.#findBareOpening(parts);
    const openings = this.#form.kind === 'tagged' && this.#form.inner !== '' ? [open, this.#form.inner] : [open];
    const found = openings.map((opening) => this.#held.indexOf(opening)).filter((place) => place !== -1);
    const at = found.length === 0 ? -1 : Math.min(...found);
    if (at !== -1) {
      const before = this.#held.slice(0, at);
      this.#text(parts, before.trimEnd());
      this.#blank = before.slice(before.trimEnd().length);
      this.#held = this.#held.slice(at);
      this.#isInside = true;
      return true;
    }
    // Blank space before a call belongs to the call.
    const overlap = Math.max(...openings.map((opening) => overlapWithEnd(this.#held, opening)));
    const certain = this.#held.slice(0, this.#held.length - overlap).trimEnd();
    this.#text(parts, certain);
    this.#held = this.#held.slice(certain.length);
    return false;
  }

  #findBareOpening(parts: ReadPart[]): boolean {
    const begun = this.#held.trimStart();
    if (begun === '') return false;
    const isList = this.#form.kind === 'object' && this.#form.isList;
    if (!this.#isBegun && (begun.startsWith('{') || (isList && begun.startsWith('[')))) {
      this.#isBegun = true;
      this.#isInside = true;
      this.#held = begun;
      return true;
    }
    this.#isBegun = true;
    this.#text(parts, this.#held);
    this.#held = '';
    return false;
  }

  #giveUp(parts: ReadPart[]): void {
    const { open } = this.#form;
    const length = Math.max(1, open.length);
    this.#text(parts, this.#blank + this.#held.slice(0, length));
    this.#held = this.#held.slice(length);
    this.#isInside = false;
  }

  #text(parts: ReadPart[], text: string): void {
    if (text !== '') parts.push({ type: 'text', text });
  }

  /** Undefined: not complete yet. Without `calls`: it is none. */
  #readCalls(
    text: string,
    isWhole: boolean,
  ): { readonly calls?: readonly ReadCall[]; readonly end: number } | undefined {
    const form = this.#form;
    if (form.kind === 'tagged') {
      const read = readTaggedCalls(text, form, this.#offered, isWhole);
      const calls = read?.calls?.map((call) => ({ name: call.name, arguments: JSON.stringify(call.arguments) }));
      return read && { end: read.end, ...(calls === undefined ? {} : { calls }) };
    }
    if (form.kind === 'quoted') {
      const read = readQuotedCall(text, form, isWhole);
      const calls = read?.call && this.#callOf(read.call.name, {}, read.call.arguments);
      return (
        read && { end: calls === undefined ? form.open.length : read.end, ...(calls === undefined ? {} : { calls }) }
      );
    }
    let at = form.open.length;
    let name: string | undefined;
    if (form.kind === 'parts') {
      const named = text.indexOf(form.afterName, at);
      const brace = text.indexOf('{', at);
      if (named === -1 || brace === -1) return brace === -1 && !isWhole ? undefined : { end: at };
      name = text.slice(at, named).trim();
      const before = text.indexOf(form.beforeArguments, named + form.afterName.length);
      at = before === -1 ? brace : before + form.beforeArguments.length;
    }
    while (at < text.length && /\s/.test(text[at] ?? '')) at++;
    if (at >= text.length) return isWhole ? { end: at } : undefined;
    const first = text[at];
    if (first !== '{' && first !== '[') return { end: at };
    const jsonEnd = findJsonEnd(text, at);
    if (jsonEnd === -1) return isWhole ? { end: at } : undefined;
    const json = text.slice(at, jsonEnd);
    const calls = name === undefined ? this.#callsOf(json) : this.#callOf(name, parseJsonObject(json), json);
    // Several may stand between one pair of marks.
    if (calls !== undefined && form.kind === 'object' && form.close !== '' && /^[\s,]*[{[]/.test(text.slice(jsonEnd))) {
      const rest = this.#readCalls(form.open + text.slice(jsonEnd).replace(/^[\s,]+/, ''), isWhole);
      if (rest?.calls === undefined) return rest === undefined ? undefined : { end: at };
      return {
        calls: [...calls, ...rest.calls],
        end: text.length - (form.open.length + lengthAfter(text, jsonEnd) - rest.end),
      };
    }
    const end = this.#afterClose(text, jsonEnd, isWhole);
    if (end === undefined) return undefined;
    return calls === undefined ? { end } : { calls, end };
  }

  /** Where the text goes on after the mark that closes a call; models leave it out at times. Undefined: not known yet. */
  #afterClose(text: string, jsonEnd: number, isWhole: boolean): number | undefined {
    const { close } = this.#form;
    if (close === '' || isWhole) return isWhole ? text.length : jsonEnd;
    const rest = text.slice(jsonEnd).trimStart();
    if (rest.startsWith(close)) return text.length - rest.length + close.length;
    return close.startsWith(rest) ? undefined : jsonEnd;
  }

  #callsOf(json: string): readonly ReadCall[] | undefined {
    const { form, list } = { form: this.#form, list: toList(json) };
    if (form.kind !== 'object' || list === undefined || list.length === 0) return undefined;
    const calls: ReadCall[] = [];
    for (const item of list) {
      // Models confuse the two common names of the arguments.
      const given = item[form.argumentsKey] ?? item['arguments'] ?? item['parameters'] ?? {};
      const name = item[form.nameKey] ?? item['name'];
      const text = typeof given === 'string' ? given : JSON.stringify(given);
      const call = typeof name === 'string' ? this.#callOf(name, parseJsonObject(text), text) : undefined;
      if (call === undefined) return undefined;
      calls.push(...call);
    }
    return calls;
  }

  #callOf(name: string, parsed: unknown, text: string): readonly ReadCall[] | undefined {
    return parsed !== undefined && this.#offered.has(name) ? [{ name, arguments: text }] : undefined;
  }
}

/** Characters behind the blank space and commas after `at`. */
function lengthAfter(text: string, at: number): number {
  return text.slice(at).replace(/^[\s,]+/, '').length;
}

function toList(json: string): readonly Readonly<Record<string, unknown>>[] | undefined {
  try {
    const value: unknown = JSON.parse(json);
    const list: readonly unknown[] = Array.isArray(value) ? value : [value];
    return list.every((item) => typeof item === 'object' && item !== null && !Array.isArray(item))
      ? (list as readonly Record<string, unknown>[])
      : undefined;
  } catch {
    return undefined;
  }
}
