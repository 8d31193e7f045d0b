// Environment variables that set keys of the configuration.
import { type Environment, noteUnreadVariables, readVariable } from '@waggle/shared/process/variables.ts';
import type { ConfigProblem } from './config-error.ts';
import { flagVariables } from './flags.ts';
import { environmentName, listKeys } from './key-index.ts';
import { configSchema } from './schema.ts';
import { type Source, Sources } from './sources.ts';
import { readYaml } from './yaml-text.ts';

/** Names the configuration file when `--config` does not. */
export const CONFIG_FILE_VARIABLE = 'WAGGLE_CONFIG';

// Variables of other programs, the agent among them, that say the same as a key of ours. WAGGLE_<KEY> beats them.
const WELL_KNOWN: readonly (readonly [name: string, path: readonly string[]])[] = [
  ['OLLAMA_HOST', ['local', 'ollamaHost']],
  ['OLLAMA_NUM_PARALLEL', ['local', 'ollamaNumParallel']],
  ['OLLAMA_MAX_LOADED_MODELS', ['local', 'ollamaMaxLoadedModels']],
  ['OLLAMA_CONTEXT_LENGTH', ['local', 'ollamaContextLength']],
  ['LLAMA_BASE_URL', ['local', 'engineUrl']],
  ['QUEUE_CONCURRENCY', ['local', 'slots']],
  ['HF_ENDPOINT', ['local', 'hub']],
  ['HF_TOKEN', ['local', 'hubToken']],
  ['MONGODB_URI', ['mongodb', 'uri']],
  ['WAGGLE_JOIN_TOKEN', ['cluster', 'joinToken']],
];

/** Ollama's own list says what else is let in, on a machine where it is set for Ollama's sake: it adds to ours and takes nothing away. */
const ADDED: readonly (readonly [name: string, path: readonly string[]])[] = [
  ['OLLAMA_ORIGINS', ['server', 'origins']],
];

export interface EnvironmentValue {
  readonly path: readonly string[];
  readonly value: unknown;
  readonly source: Source;
  /** A list of more, beside what is there. */
  readonly isAdded: boolean;
}

export interface EnvironmentResult {
  /** Later ones beat earlier ones. */
  readonly values: readonly EnvironmentValue[];
  readonly problems: readonly ConfigProblem[];
  readonly notices: readonly string[];
}

export function readEnvironment(environment: Environment): EnvironmentResult {
  const values: EnvironmentValue[] = [];
  const problems: ConfigProblem[] = [];
  const take = (
    name: string,
    path: readonly string[],
    { isTree = false, isAdded = false, isOpposite = false, isBorrowed = false } = {},
  ) => {
    const written = readVariable(environment, name);
    if (written === undefined) return;
    const source: Source = { kind: 'environment', where: name, isBorrowed };
    if (!isTree) {
      values.push({ path, value: isOpposite ? toOpposite(written) : written, source, isAdded });
      return;
    }
    const result = readYaml(written, { sourceAt: () => source, sources: new Sources(), base: path });
    problems.push(...result.problems);
    values.push({ path, value: result.value, source, isAdded });
  };
  for (const [name, path] of WELL_KNOWN) take(name, path, { isBorrowed: true });
  for (const [name, path] of ADDED) take(name, path, { isAdded: true });
  const settable = settableKeys();
  const ofFlags = flagVariables().filter(({ name }) => !settable.some((key) => key.name === name));
  for (const { name, path, isOpposite } of ofFlags) take(name, path, { isOpposite });
  for (const { name, path, isTree } of settable) take(name, path, { isTree });
  const read = [...settable, ...ofFlags].map(({ name }) => name);
  return { values, problems, notices: noteUnreadVariables(environment, [...read, CONFIG_FILE_VARIABLE]) };
}

/** `--no-local` sets `local.enabled` to false, so WAGGLE_NO_LOCAL=true does. What is neither is refused later, as it was written. */
function toOpposite(written: string): string {
  if (/^(?:true|1)$/i.test(written)) return 'false';
  return /^(?:false|0)$/i.test(written) ? 'true' : written;
}

/** Keys inside list items and aliases have no variable: `models` and `nodes` are set as a whole, in YAML or JSON. */
function settableKeys() {
  const keys = listKeys(configSchema).map(({ path }) => path);
  const isInside = (path: readonly string[]) => path.some((step) => step === '[]' || step === '<alias>');
  const trees = new Set(keys.filter(isInside).map(([first]) => first));
  return keys
    .filter((path) => !isInside(path))
    .map((path) => ({ path, name: environmentName(path), isTree: path.length === 1 && trees.has(path[0]) }));
}
