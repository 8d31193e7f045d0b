// config.yaml.example is what people copy: it must load, be complete and tell the true defaults.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { compileFake } from './fake-inputs.ts';
import { type KeyFacts, listKeys } from './key-index.ts';
import { configSchema } from './schema.ts';

const example = readFileSync(new URL('../../../config.yaml.example', import.meta.url), 'utf8');
// A setting stands behind one #, prose behind two.
const switchedOn = example.replace(/^(\s*)# /gm, '$1');
const keys = listKeys(configSchema);

function valueAt(tree: unknown, { path }: KeyFacts): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], tree);
}

test('it loads as it is, and is the same as no file', () => {
  const { file, ...config } = compileFake({ file: example });
  expect({ ...config, file: undefined }).toEqual(compileFake());
  expect(file).toBe('/somewhere/config.yaml');
});

test('it loads with every setting switched on', () => {
  const config = compileFake({ file: switchedOn, environment: { BIG_KEY: 'k' } });
  expect(config.nodes.map(({ kind, name }) => [kind, name])).toEqual([
    ['agent', 'NODE_1'],
    ['engine', 'desk'],
    ['engine', 'big'],
  ]);
  expect(config.notices).toEqual([
    expect.stringContaining('NODE_1'),
    'mongodb is not used yet: nothing is recorded there.',
  ]);
});

test('every setting that has a default shows it', () => {
  const tree: unknown = parse(switchedOn);
  const valued = keys.filter(
    ({ path, defaultValue }) => defaultValue !== undefined && path.length === 2 && path[1] !== '[]',
  );
  expect(valued.length).toBeGreaterThan(30);
  const shown = compileFake({ file: switchedOn });
  const defaults = compileFake();
  for (const facts of valued) {
    expect(valueAt(tree, facts), `${facts.path.join('.')} is in the example`).toBeDefined();
  }
  expect(shown.limits).toEqual(defaults.limits);
  expect(shown.server).toEqual({ ...defaults.server, concurrency: 20 });
  expect(shown.cluster).toEqual({ ...defaults.cluster, advertise: '192.168.1.2:50051' });
  expect(shown.discovery.ollamaUrl).toBe(defaults.discovery.ollamaUrl);
  expect(shown.local.enabled).toBe(defaults.local.enabled);
  expect(shown.logging.level).toBe(defaults.logging.level);
  const parsed = configSchema.parse(parse(switchedOn));
  const { file: _, ...logging } = parsed.logging;
  expect(logging).toEqual(configSchema.parse({}).logging);
});

/** Dotted paths of a tree, with list items and aliases as the schema names them. */
function pathsOf(value: unknown, path: readonly string[] = []): string[] {
  if (Array.isArray(value)) return [path.join('.'), ...value.flatMap((item) => pathsOf(item, [...path, '[]']))];
  if (typeof value !== 'object' || value === null) return [path.join('.')];
  const named = (key: string) => (path.join() === 'models' ? '<alias>' : key);
  return Object.entries(value).flatMap(([key, inner]) => [path.join('.'), ...pathsOf(inner, [...path, named(key)])]);
}

describe('every key', () => {
  const shown = new Set(pathsOf(parse(switchedOn)));

  test('is there', () => {
    // Its place is shown in prose: a token that can be switched on would be one that everybody knows.
    expect(example).toContain('## joinToken: K10::SECRET');
    expect(keys.map(({ path }) => path.join('.'))).toContain('models.<alias>.keepAlive');
    const missing = keys.map(({ path }) => path.join('.')).filter((key) => !shown.has(key) && !key.endsWith('[]'));
    expect(missing).toEqual(['cluster.joinToken']);
  });

  test.each(keys.filter(({ unit }) => unit !== undefined).map(({ path }) => path.join('.')))(
    '%s shows its unit',
    (key) => {
      const line = new RegExp(String.raw`^[ #-]*\b${key.split('.').at(-1)}:.*$`, 'm').exec(example)?.[0];
      expect(line).toMatch(/\d(?:ms|[smh]|[kKMGT]i?B)\b|seconds|bytes/);
    },
  );

  test('has a sentence in the schema', () => {
    const bare = keys.filter(
      ({ path, description }) => !/[[<]/.test(path.at(-1) ?? '') && !/^[A-Z].+\.$/.test(description),
    );
    expect(bare).toEqual([]);
  });
});

test('the older form of the file starts as it is', () => {
  const file = `
server:
  host: 127.0.0.1
  port: 3001
  readTimeout: 30
  writeTimeout: 30
  queueSize: 512
  concurrency: 20
mongodb:
  uri: "mongodb://localhost:27017/logs"
nodes:
  - name: NODE_1
    host: 192.168.1.101
    port: 3000
    type: gpu
    platform: linux
    capabilities: [cuda, avx512]
  - name: NODE_2
    host: 192.168.1.102
    port: 3000
    type: cpu
    platform: linux
    capabilities:
      - avx2
`;
  const config = compileFake({ file });
  expect(config.server).toMatchObject({ port: 3001, readTimeoutMs: 30_000, writeTimeoutMs: 30_000, concurrency: 20 });
  expect(config.nodes.map(({ name, labels }) => [name, labels.type])).toEqual([
    ['NODE_1', 'gpu'],
    ['NODE_2', 'cpu'],
  ]);
  expect(config.notices).toHaveLength(2);
});
