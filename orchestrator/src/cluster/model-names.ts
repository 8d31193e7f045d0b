/** Longer names are nobody's. */
const longestName = 1_024;

/** The key two spellings of one model share: case is ignored, and a missing tag means `latest`. */
export function toModelKey(name: string): string {
  return withTag(toShortName(name).toLowerCase());
}

const defaultHost = /^(?:[a-z]+:\/\/)?registry\.ollama\.ai\/(?=[^/]+\/[^/]+$)/i;
const defaultNamespace = /^library\/(?=[^/]+$)/i;

/** The name without blanks around it, and without the host and the namespace that Ollama puts before a name that has none. */
export function toShortName(name: string): string {
  const trimmed = name.trim();
  return trimmed.includes('/') ? trimmed.replace(defaultHost, '').replace(defaultNamespace, '') : trimmed;
}

/** What Ollama takes for the name of a model, whether there is one of that name or not: `[[host/]namespace/]model[:tag]`. */
export function isModelName(name: string): boolean {
  if (name.length > longestName) return false;
  const bare = name.trim().replace(/^[^/]*?:\/\//, '');
  return modelName.test(bare);
}

const part = (others: string) => `[\\w][\\w${others}]{0,79}`;
const modelName = new RegExp(`^(?:(?:[\\w][\\w.:-]{0,349}/)?${part('-')}/)?${part('.-')}(?::${part('.-')})?$`);

/** The URL or the whole path of a GGUF file, which the built-in engine takes instead of a name. */
export function isModelFile(name: string): boolean {
  return (
    name.length <= longestName && /^(?:https?:\/\/|file:|~\/|\/|[a-z]:\\)\S.*\.gguf(?:[?#@].*)?$/i.test(name.trim())
  );
}

/** The name with its tag, which is `latest` if it has none. */
export function withTag(name: string): string {
  return name.includes(':', name.lastIndexOf('/') + 1) ? name : `${name}:latest`;
}

/** Splits `model@node`; undefined where there is no node part. */
export function splitNodeSuffix(name: string): { model: string; node: string } | undefined {
  const at = name.lastIndexOf('@');
  if (at <= 0 || at === name.length - 1) return undefined;
  return { model: name.slice(0, at), node: name.slice(at + 1) };
}

/** The known names nearest to `wanted` by edit distance, at most `count`, none that shares nothing with it. */
export function nearestNames(wanted: string, known: Iterable<string>, count = 3): string[] {
  const target = bareName(wanted);
  const scored: { name: string; distance: number }[] = [];
  for (const name of known) {
    const candidate = bareName(name);
    const contained = candidate.includes(target) || target.includes(candidate);
    const distance = contained ? Math.abs(candidate.length - target.length) / 8 : editDistance(target, candidate);
    if (contained || distance <= Math.max(2, Math.ceil(target.length / 2))) scored.push({ name, distance });
  }
  scored.sort((a, b) => a.distance - b.distance || a.name.localeCompare(b.name));
  return scored.slice(0, count).map((entry) => entry.name);
}

const longestCompared = 128;

function bareName(name: string): string {
  return name
    .slice(0, longestCompared)
    .toLowerCase()
    .replace(/:latest$/, '');
}

/** Levenshtein distance, two rows. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min((previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1, substitution));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
