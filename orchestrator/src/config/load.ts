// File, environment and flags → one tree of raw values that remembers where each came from.
import path from 'node:path';
import type { Environment } from '@waggle/shared/process/variables.ts';
import { ConfigError, type ConfigProblem, throwProblems } from './config-error.ts';
import { CONFIG_FILE_VARIABLE, readEnvironment } from './environment.ts';
import type { FlagValue } from './flags.ts';
import { Sources } from './sources.ts';
import { readYaml } from './yaml-text.ts';

/** What the configuration needs to know of the process; nothing else of it is read. */
export interface ConfigInputs {
  /** Without the program's own name. */
  readonly argv: readonly string[];
  readonly environment: Environment;
  readonly workingFolder: string;
  /** Undefined where the user has none. */
  readonly homeFolder: string | undefined;
  /** What this machine calls itself. */
  readonly hostName: string;
  readonly platform: NodeJS.Platform;
  /** The text of a file; undefined when there is no such file; throws when it cannot be read. */
  readonly readText: (path: string) => string | undefined;
}

export interface LoadedConfig {
  /** Not yet validated. */
  readonly tree: unknown;
  readonly sources: Sources;
  readonly notices: readonly string[];
  /** Absolute path of the file that was read; undefined when there was none. */
  readonly file: string | undefined;
  /** Absolute path at which a file is looked for, whether there is one or not. */
  readonly filePlace: string;
  readonly inputs: ConfigInputs;
}

const DEFAULT_FILE = 'config.yaml';

/**
 * Reads everything that may configure the orchestrator: flags beat the environment, which beats the file.
 *
 * @throws ConfigError when the file is missing though asked for, unreadable or no valid YAML
 */
export function loadConfig(
  inputs: ConfigInputs,
  flags: { readonly configFile: string | undefined; readonly values: readonly FlagValue[] },
): LoadedConfig {
  const sources = new Sources();
  const file = readFile(inputs, flags.configFile, sources);
  const environment = readEnvironment(inputs.environment);
  throwProblems([...file.problems, ...environment.problems]);
  let tree: unknown = file.tree ?? {};
  for (const { path: keyPath, value, source, isAdded } of environment.values) {
    const there = isAdded ? getAt(tree, keyPath) : undefined;
    if (there === undefined || there === null) {
      tree = setAt(tree, keyPath, value);
      sources.replace(keyPath, source);
    } else {
      tree = setAt(tree, keyPath, [...toItems(there), ...toItems(value)]);
      sources.replace(keyPath, { ...source, where: `${sources.of(keyPath).where} with ${source.where}` });
    }
  }
  for (const { path: keyPath, value, flag } of flags.values) {
    tree = setAt(tree, keyPath, value);
    sources.replace(keyPath, { kind: 'flag', where: flag });
  }
  return { tree, sources, notices: environment.notices, file: file.path, filePlace: file.place, inputs };
}

interface FileResult {
  readonly tree: unknown;
  readonly path: string | undefined;
  readonly place: string;
  readonly problems: readonly ConfigProblem[];
}

function readFile(inputs: ConfigInputs, flagged: string | undefined, sources: Sources): FileResult {
  const byVariable = inputs.environment[CONFIG_FILE_VARIABLE]?.trim();
  const asked = flagged ?? (byVariable === '' ? undefined : byVariable);
  const name = asked ?? DEFAULT_FILE;
  const asker = flagged === undefined ? CONFIG_FILE_VARIABLE : '--config';
  const fullPath = path.resolve(inputs.workingFolder, name);
  let text: string | undefined;
  try {
    text = inputs.readText(fullPath);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const problem = `cannot be read (${why.split('\n')[0]})`;
    throw new ConfigError({ key: '', source: name, problem, expected: 'a readable file' }, { cause });
  }
  if (text === undefined) {
    if (asked === undefined) return { tree: undefined, path: undefined, place: fullPath, problems: [] };
    throw new ConfigError({
      key: '',
      source: asker,
      problem: `there is no file ${fullPath}`,
      expected: 'an existing file',
    });
  }
  const { value, problems } = readYaml(text, {
    sourceAt: (line) => ({ kind: 'file', where: `${name}:${line}` }),
    sources,
    base: [],
  });
  return { tree: value, path: fullPath, place: fullPath, problems };
}

function getAt(tree: unknown, keyPath: readonly string[]): unknown {
  let value = tree;
  for (const step of keyPath) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[step];
  }
  return value;
}

/** A list may be written as text with commas. */
function toItems(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return typeof value === 'string' ? value.split(',') : [value];
}

// Leaves a parent that is no mapping as it is, so that it is refused and not covered up.
function setAt(tree: unknown, [step, ...rest]: readonly string[], value: unknown): unknown {
  if (step === undefined) return value;
  if (tree !== undefined && (typeof tree !== 'object' || tree === null || Array.isArray(tree))) return tree;
  const parent: Record<string, unknown> = { ...tree };
  return { ...parent, [step]: setAt(parent[step], rest, value) };
}
