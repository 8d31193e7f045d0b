// YAML text → plain values, with the line of every key, and refusals that name key and line.
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, type YAMLMap } from 'yaml';
import type { ConfigProblem } from './config-error.ts';
import { type KeyPath, type Source, type Sources, showPath } from './sources.ts';

export interface YamlResult {
  /** Undefined when the text holds nothing. Keys without a value are left out. */
  readonly value: unknown;
  readonly problems: readonly ConfigProblem[];
}

const MAX_TEXT_LENGTH = 1_048_576;
const MAX_DEPTH = 32;
const MAX_NODES = 100_000;

export interface YamlPlace {
  /** How a line of this text is named. */
  readonly sourceAt: (line: number) => Source;
  /** Receives the source of the whole, of every key and of every list item. */
  readonly sources: Sources;
  /** Where in the configuration the text stands. */
  readonly base: KeyPath;
}

/** Reads one document. */
export function readYaml(text: string, { sourceAt, sources, base }: YamlPlace): YamlResult {
  const where = (line: number) => sourceAt(line).where;
  if (text.length > MAX_TEXT_LENGTH) return refused(where(1), 'is larger than 1 MiB', 'a smaller file');
  const lines = new LineCounter();
  let reader: YamlReader;
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: false,
      stringKeys: false,
    });
    const [fault] = [...document.errors, ...document.warnings];
    if (fault !== undefined) {
      const line = lines.linePos(fault.pos[0]).line;
      if (fault.code === 'MULTIPLE_DOCS')
        return refused(where(line), 'begins a second YAML document; only one is read', 'one YAML document');
      return refused(where(line), `is not valid YAML (${firstSentence(fault.message)})`, 'valid YAML');
    }
    reader = new YamlReader(
      (offset) => sourceAt(lines.linePos(offset).line),
      sources,
      (node) => (isAlias(node) ? node.resolve(document) : node),
    );
    sources.set(base, sourceAt(lines.linePos(document.contents?.range?.[0] ?? 0).line));
    return { value: reader.read(document.contents, base, 0), problems: reader.problems };
  } catch (cause) {
    // The parser recurses: absurd nesting ends here instead of in its result.
    if (cause instanceof RangeError) return refused(where(1), 'is nested too deeply', 'less nesting');
    throw cause;
  }
}

function refused(source: string, problem: string, expected: string): YamlResult {
  return { value: undefined, problems: [{ key: '', source, problem, expected }] };
}

function firstSentence(message: string): string {
  return (message.split('\n')[0] ?? message).replace(/[.:]\s*$/, '').slice(0, 200);
}

// Whatever else a key can be in YAML (bytes, big integers) is no name of ours.
function toKey(value: unknown): string | undefined {
  if (value === null) return '';
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}

class YamlReader {
  readonly problems: ConfigProblem[] = [];
  readonly #sourceAt: (offset: number) => Source;
  readonly #sources: Sources;
  readonly #resolve: (node: Node) => Node | undefined;
  #nodes = 0;

  constructor(sourceAt: (offset: number) => Source, sources: Sources, resolve: (node: Node) => Node | undefined) {
    this.#sourceAt = sourceAt;
    this.#sources = sources;
    this.#resolve = resolve;
  }

  read(given: Node | null | undefined, path: KeyPath, depth: number): unknown {
    const node = given && this.#resolve(given);
    this.#nodes += 1;
    // Aliases can make a small file endless; both bounds hold for what they unfold to.
    if (depth > MAX_DEPTH || this.#nodes > MAX_NODES) {
      if (this.#nodes <= MAX_NODES + 1)
        this.#refuse(path, given, 'is nested too deeply or too long', 'something shorter');
      this.#nodes = MAX_NODES + 1;
      return undefined;
    }
    if (isMap(node)) return this.#readMap(node, path, depth);
    if (isSeq(node)) {
      return node.items.map((item, index) => {
        const child = item as Node;
        this.#mark([...path, index], child);
        return this.read(child, [...path, index], depth + 1);
      });
    }
    return isScalar(node) ? (node.value ?? undefined) : undefined;
  }

  #readMap(map: YAMLMap, path: KeyPath, depth: number): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    const firstSeen = new Map<string, string>();
    for (const { key, value } of map.items as Pair<Node, Node | null>[]) {
      const name = isScalar(key) ? toKey(key.value) : undefined;
      if (name === undefined || name === '__proto__') {
        this.#refuse(path, key, 'has a key that cannot be used', 'a key that is a plain word');
        continue;
      }
      const childPath = [...path, name];
      const { where } = this.#sourceAt(key.range?.[0] ?? 0);
      const earlier = firstSeen.get(name);
      if (earlier !== undefined) {
        const problem = `"${showPath(childPath)}" is given twice, first at ${earlier}`;
        this.problems.push({ key: showPath(childPath), source: where, problem, expected: 'each key once' });
        continue;
      }
      firstSeen.set(name, where);
      this.#mark(childPath, key);
      const read = this.read(value, childPath, depth + 1);
      if (read !== undefined) result[name] = read;
    }
    return result;
  }

  #mark(path: KeyPath, node: Node | null | undefined): void {
    this.#sources.set(path, this.#sourceAt(node?.range?.[0] ?? 0));
  }

  #refuse(path: KeyPath, node: Node | null | undefined, what: string, expected: string): void {
    const key = showPath(path);
    const source = this.#sourceAt(node?.range?.[0] ?? 0).where;
    this.problems.push({ key, source, problem: `${key === '' ? 'the file' : `"${key}"`} ${what}`, expected });
  }
}
