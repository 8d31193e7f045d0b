// Raw tree → parsed configuration; what the schema refuses is put into words.
import { nearestName } from '@waggle/shared/process/nearest-name.ts';
import type { z } from 'zod';
import { type ConfigProblem, throwProblems } from './config-error.ts';
import { factsAt, knownKeysAt, listKeys } from './key-index.ts';
import type { LoadedConfig } from './load.ts';
import { configSchema, type ParsedConfig } from './schema.ts';
import { aboutKey, type KeyPath, type Sources, showPath } from './sources.ts';

/** @throws ConfigError naming every unknown key and every wrong value */
export function validateConfig({ tree, sources }: Pick<LoadedConfig, 'tree' | 'sources'>): ParsedConfig {
  const result = configSchema.safeParse(tree);
  if (result.success) return result.data;
  const problems = result.error.issues.flatMap((issue) => describeIssue(issue, tree, sources));
  throwProblems(problems.toSorted((left, right) => lineOf(left) - lineOf(right)));
  throw result.error;
}

// In the order of the file; what is not in it comes first.
function lineOf({ source }: ConfigProblem): number {
  return Number(/:(\d+)$/.exec(source)?.[1] ?? 0);
}

function describeIssue(issue: z.core.$ZodIssue, tree: unknown, sources: Sources): ConfigProblem[] {
  const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => describeUnknown([...path, key], sources));
  // Of several forms of a value a mapping is meant where one stands: what is wrong with it lies in it.
  const inside = issue.code === 'invalid_union' && isMapping(valueAt(tree, path)) ? findInside(issue.errors) : [];
  if (inside.length > 0)
    return inside.flatMap((each) => describeIssue({ ...each, path: [...issue.path, ...each.path] }, tree, sources));
  const { expected, secret } = factsAt(configSchema, path);
  const key = showPath(path);
  const found = secret ? '' : `, not ${showValue(valueAt(tree, path))}`;
  const must = `must be ${expected}${found}`;
  const problem = key === '' ? `the configuration ${must}` : aboutKey(path, must, sources);
  return [{ key, source: sources.of(path).where, problem, expected }];
}

function findInside(forms: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] {
  return (
    forms.find((issues) => issues.every(({ code, path }) => code === 'unrecognized_keys' || path.length > 0)) ?? []
  );
}

function isMapping(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function describeUnknown(path: KeyPath, sources: Sources): ConfigProblem {
  const key = showPath(path);
  const near = suggest(path);
  const problem = `"${key}" is not a known key${near === undefined ? '' : `; did you mean "${near}"?`}`;
  return { key, source: sources.of(path).where, problem, expected: near ?? 'a key of config.yaml.example' };
}

// A key beside the wrong one first; else one of the same name in another section.
function suggest(path: KeyPath): string | undefined {
  const word = String(path.at(-1));
  const parent = path.slice(0, -1);
  const beside = nearestName(word, knownKeysAt(configSchema, parent) ?? []);
  if (beside !== undefined) return showPath([...parent, beside]);
  const elsewhere = listKeys(configSchema).filter((facts) => facts.path.length === 2 && !facts.path.includes('[]'));
  const last = nearestName(
    word,
    elsewhere.map((facts) => facts.path[1] ?? ''),
  );
  return elsewhere.find((facts) => facts.path[1] === last)?.path.join('.');
}

function valueAt(tree: unknown, path: KeyPath): unknown {
  let value = tree;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

function showValue(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : 'a mapping';
}
