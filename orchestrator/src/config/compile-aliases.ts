import type { ConfigProblem } from './config-error.ts';
import type { Sources } from './sources.ts';

const ALIAS = /^[^\s@\p{Cc}]{1,200}$/u;
const MAX_MODELS_PER_ALIAS = 1_000;

interface AliasContext {
  /** All names that have an entry, aliases among them. */
  readonly known: readonly string[];
  readonly sources: Sources;
  readonly problems: ConfigProblem[];
}

/**
 * Puts behind every alias that stands in a list what it stands for, so that a request looks up one level. An alias
 * keeps its place before its models: a model of that very name, if there is one, wins.
 */
export function compileAliases(
  models: Readonly<Record<string, readonly string[]>>,
  { known, sources, problems }: AliasContext,
): Record<string, readonly string[]> {
  const refuse = (alias: string, problem: string, expected: string) => {
    problems.push({ key: `models.${alias}`, source: sources.of(['models', alias]).where, problem, expected });
  };
  const byName = new Map<string, string>();
  const seen = new Map<string, string>();
  for (const name of known) {
    const earlier = seen.get(toIdentity(name));
    if (earlier !== undefined) {
      refuse(name, `models.${name} is the same name as models.${earlier}`, 'another name');
      continue;
    }
    seen.set(toIdentity(name), name);
    if (models[name] === undefined) continue;
    if (ALIAS.test(name)) byName.set(toIdentity(name), name);
    else refuse(name, `"${name.slice(0, 60)}" cannot be an alias`, 'a name without blanks and @');
  }
  // Without a prototype: a request may ask for a model named like one of its members.
  const compiled: Record<string, readonly string[]> = Object.create(null);
  for (const alias of byName.values()) {
    const result = expand(alias, models, byName);
    if (Array.isArray(result)) compiled[alias] = result;
    else
      refuse(
        alias,
        `models.${alias} leads back to itself (${result.chain.join(' → ')})`,
        'models, or aliases that end in models',
      );
  }
  return compiled;
}

function expand(
  start: string,
  models: Readonly<Record<string, readonly string[]>>,
  byName: ReadonlyMap<string, string>,
): string[] | { readonly chain: readonly string[] } {
  const result = new Map<string, string>();
  // Depth first. The aliases that are open, outermost first: meeting one of them again is the circle.
  const open = new Set<string>();
  const visit = (alias: string): string | undefined => {
    open.add(alias);
    for (const model of models[alias] ?? []) {
      const inner = byName.get(toIdentity(model));
      if (inner !== undefined && open.has(inner)) return inner;
      if (result.has(toIdentity(model)) || result.size >= MAX_MODELS_PER_ALIAS) continue;
      result.set(toIdentity(model), model);
      const met = inner === undefined ? undefined : visit(inner);
      if (met !== undefined) return met;
    }
    open.delete(alias);
    return undefined;
  };
  const met = visit(start);
  return met === undefined ? [...result.values()] : { chain: [...open, met] };
}

// `llama3.2` and `llama3.2:latest` are one model, and case does not count.
function toIdentity(name: string): string {
  return name.toLowerCase().replace(/:latest$/, '');
}
