import { isDeepStrictEqual } from 'node:util';
import { listKeys } from './key-index.ts';
import { configSchema, type ParsedConfig } from './schema.ts';

/** The values of a configuration by their own keys. */
export type Settings = ParsedConfig;

export interface ConfigChanges {
  /** Keys that can change in a running program: dotted, models and nodes by name (`models.qwen3:4b`, `nodes.desk`). */
  readonly live: readonly string[];
  /** Keys that were read when a part was made: they count after a restart. */
  readonly restart: readonly string[];
}

const sections = new Set(['models', 'nodes']);
const liveKeys = new Set([
  'models',
  'nodes',
  'logging.level',
  'server.queueSize',
  'server.concurrency',
  'cache.maxBytes',
  'cache.ttl',
]);
/** Agents were told it when they joined. */
const fixedLimit = 'limits.lanesPerNode';

const keys = listKeys(configSchema)
  .map(({ path }) => path)
  .filter(([first = '']) => !sections.has(first))
  .concat([...sections].map((name) => [name]));

/** Which keys differ. */
export function compareConfigs(before: Settings, after: Settings): ConfigChanges {
  const live: string[] = [];
  const restart: string[] = [];
  for (const path of keys) {
    if (isDeepStrictEqual(valueAt(before, path), valueAt(after, path))) continue;
    const key = path.join('.');
    if (key === 'models') live.push(...compareNamed(key, toMap(before.models), toMap(after.models)));
    else if (key === 'nodes') live.push(...compareNamed(key, toNodes(before), toNodes(after)));
    else (isLive(key) ? live : restart).push(key);
  }
  return { live, restart };
}

/** `after` as far as it can be followed by a program that was started with `before`. */
export function withLive(before: Settings, after: Settings): Settings {
  const mixed = structuredClone(before) as Record<string, unknown>;
  for (const path of keys) {
    const [first = '', second] = path;
    if (!isLive(path.join('.'))) continue;
    if (second === undefined) mixed[first] = valueAt(after, path);
    else (mixed[first] as Record<string, unknown>)[second] = valueAt(after, path);
  }
  return mixed as Settings;
}

function isLive(key: string): boolean {
  return liveKeys.has(key) || (key.startsWith('limits.') && key !== fixedLimit);
}

function valueAt(settings: Settings, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, step) => (value as Readonly<Record<string, unknown>>)[step], settings);
}

function compareNamed(
  section: string,
  before: ReadonlyMap<string, unknown>,
  after: ReadonlyMap<string, unknown>,
): string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  const changed = [...names].filter((name) => !isDeepStrictEqual(before.get(name), after.get(name)));
  // The same entries in another order.
  return changed.length === 0 ? [section] : changed.map((name) => `${section}.${name}`);
}

function toMap(entries: Readonly<Record<string, unknown>>): ReadonlyMap<string, unknown> {
  return new Map(Object.entries(entries));
}

function toNodes({ nodes }: Settings): ReadonlyMap<string, unknown> {
  return new Map(nodes.map((node) => [node.name ?? node.url ?? `${node.host}:${node.port ?? ''}`, node]));
}
