import { compileAliases } from './compile-aliases.ts';
import type { ModelConfig } from './compiled-config.ts';
import type { ConfigProblem } from './config-error.ts';
import type { ParsedConfig } from './schema.ts';
import type { Sources } from './sources.ts';

const MODEL = /^[^\s@\p{Cc}]{1,300}$/u;

export interface CompiledModels {
  readonly aliases: Readonly<Record<string, readonly string[]>>;
  readonly models: Readonly<Record<string, ModelConfig>>;
}

/** Sets aliases and the settings of models apart. What is wrong with them is added to `problems`. */
export function compileModels(
  entries: ParsedConfig['models'],
  { sources, problems }: { readonly sources: Sources; readonly problems: ConfigProblem[] },
): CompiledModels {
  const refuse = (path: readonly string[], problem: string, expected: string) => {
    problems.push({ key: path.join('.'), source: sources.of(path).where, problem, expected });
  };
  const aliases: Record<string, readonly string[]> = Object.create(null);
  const models: Record<string, ModelConfig> = Object.create(null);
  for (const [name, entry] of Object.entries(entries)) {
    if (Array.isArray(entry)) {
      aliases[name] = entry;
      continue;
    }
    const path = ['models', name];
    const { use, ...settings } = entry;
    const given = Object.keys(settings);
    if (use !== undefined) {
      aliases[name] = use;
      for (const key of given) {
        if (key === 'timeout') continue;
        const problem = `models.${name}.${key} goes with a model, and models.${name} is an alias`;
        refuse([...path, key], problem, 'no such key here');
      }
    } else if (!MODEL.test(name)) {
      refuse(path, `"${name.slice(0, 60)}" cannot be the name of a model`, 'a name without blanks and @');
    } else if (given.length === 0) {
      refuse(path, `models.${name} says nothing`, 'a model name, a list of model names, or a setting');
    }
    models[name] = toModelConfig(settings);
  }
  return { aliases: compileAliases(aliases, { known: Object.keys(entries), sources, problems }), models };
}

type Settings = Omit<Exclude<ParsedConfig['models'][string], readonly string[]>, 'use'>;

function toModelConfig({ keepAlive, preload, nodes, timeout, numCtx }: Settings): ModelConfig {
  return { keepAliveMs: keepAlive, preload: preload ?? 0, nodes, timeoutMs: timeout, numCtx };
}
