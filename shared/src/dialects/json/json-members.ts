import { ClusterError } from '../../errors/cluster-error.ts';
import { endOfValue, isTextAt, skipSpace } from './json-scan.ts';

/** Where a member lies, in four numbers: its start, that of its value, its end, and which of the names it has (-1: none). */
const perMember = 4;

/** Bodies up to this size are put together; the parts of a larger one stay where they are. */
const joinedMaxBytes = 65_536;

/**
 * The outermost members of a JSON object, found without reading their values: megabytes of images stay the bytes they are.
 *
 * @throws ClusterError `bad-request` where the outermost object is damaged; what is wrong inside a value is not seen.
 */
export class JsonMembers {
  readonly #bytes: Uint8Array;
  readonly #names: readonly string[];
  readonly #places: readonly number[];

  /** `names`: those that are asked for or changed later; plain letters. */
  constructor(bytes: Uint8Array, names: readonly string[]) {
    this.#bytes = bytes;
    this.#names = names;
    this.#places = findMembers(bytes, names);
  }

  /** The value of a member, the last one of several; undefined where there is none. */
  value(name: string): unknown {
    const wanted = this.#names.indexOf(name);
    const places = this.#places;
    for (let at = places.length - perMember; at >= 0; at -= perMember)
      if (places[at + 3] === wanted) return parse(this.#bytes, places[at + 1], places[at + 2]);
    return undefined;
  }

  /**
   * The object with new values for these members, undefined for one that is to go. In parts that follow one another; the very bytes
   * that came where nothing is to be changed.
   */
  with(changes: Readonly<Record<string, unknown>>): readonly Uint8Array[] {
    const names = this.#names;
    // Undefined: left alone. Empty: gone, or said already.
    const texts: (string | undefined)[] = [];
    for (const name of names) texts.push(name in changes ? toText(changes[name]) : undefined);
    const parts: Uint8Array[] = [openBrace];
    const isWhole = this.#keep(texts, parts);
    let tail = '';
    for (let index = 0; index < texts.length; index++) {
      const text = texts[index];
      if (text) tail += `${parts.length === 1 && tail === '' ? '' : ','}"${names[index]}":${text}`;
    }
    if (isWhole && tail === '') return [this.#bytes];
    parts.push(Buffer.from(`${tail}}`));
    return join(parts);
  }

  /** Adds the members that stay, neighbours with what is between them. False: some do not. What is said already is emptied in `texts`. */
  #keep(texts: (string | undefined)[], parts: Uint8Array[]): boolean {
    const places = this.#places;
    let isWhole = true;
    let runStart = -1;
    for (let at = 0; at <= places.length; at += perMember) {
      const stays = at < places.length && this.#stays(at, texts);
      if (stays && runStart === -1) runStart = at;
      if (stays) continue;
      if (at < places.length) isWhole = false;
      if (runStart === -1) continue;
      if (parts.length > 1) parts.push(comma);
      parts.push(this.#bytes.subarray(places[runStart], places[at - perMember + 2]));
      runStart = -1;
    }
    return isWhole;
  }

  #stays(at: number, texts: (string | undefined)[]): boolean {
    const name = this.#places[at + 3] ?? -1;
    const text = name === -1 ? undefined : texts[name];
    if (text === undefined) return true;
    const start = this.#places[at + 1] ?? 0;
    const isSaid = text.length === (this.#places[at + 2] ?? 0) - start && isTextAt(this.#bytes, start, text);
    // Another one of that name is not to come after it.
    if (isSaid) texts[name] = '';
    return isSaid;
  }
}

function findMembers(bytes: Uint8Array, names: readonly string[]): readonly number[] {
  const limit = bytes.length;
  const places: number[] = [];
  let at = skipSpace(bytes, 0, limit);
  if (bytes[at] !== braceOpen) throw new ClusterError('bad-request', 'the body is no JSON object');
  at = skipSpace(bytes, at + 1, limit);
  if (bytes[at] === braceClose) return places;
  for (;;) {
    const keyEnd = bytes[at] === quote ? endOfValue(bytes, at, limit) : -1;
    if (keyEnd === -1) throw damaged();
    const colonAt = skipSpace(bytes, keyEnd, limit);
    if (bytes[colonAt] !== colon) throw damaged();
    const valueStart = skipSpace(bytes, colonAt + 1, limit);
    const end = endOfValue(bytes, valueStart, limit);
    if (end === -1) throw damaged();
    places.push(at, valueStart, end, nameAt(bytes, at, keyEnd, names));
    at = skipSpace(bytes, end, limit);
    if (bytes[at] === braceClose) return places;
    if (bytes[at] !== commaByte) throw damaged();
    at = skipSpace(bytes, at + 1, limit);
  }
}

/** Which of the names the key is that lies there, with its quotes. */
function nameAt(bytes: Uint8Array, start: number, end: number, names: readonly string[]): number {
  for (let index = 0; index < names.length; index++) {
    const name = names[index] ?? '';
    if (name.length === end - start - 2 && isTextAt(bytes, start + 1, name)) return index;
  }
  // Nobody writes `\u006dodel`, but it is the model all the same.
  for (let at = start; at < end; at++)
    if (bytes[at] === backslash) return names.indexOf(String(parse(bytes, start, end)));
  return -1;
}

function parse(bytes: Uint8Array, start = 0, end = start): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8'));
  } catch (cause) {
    throw damaged(cause);
  }
}

function toText(value: unknown): string {
  return value === undefined ? '' : JSON.stringify(value);
}

function join(parts: readonly Uint8Array[]): readonly Uint8Array[] {
  let bytes = 0;
  for (const part of parts) bytes += part.length;
  return bytes > joinedMaxBytes ? parts : [Buffer.concat(parts, bytes)];
}

function damaged(cause?: unknown): ClusterError {
  return new ClusterError('bad-request', 'the body is not JSON', { cause });
}

const quote = 0x22;
const colon = 0x3a;
const commaByte = 0x2c;
const backslash = 0x5c;
const braceOpen = 0x7b;
const braceClose = 0x7d;
const openBrace = Buffer.from('{');
const comma = Buffer.from(',');
