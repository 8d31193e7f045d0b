export type KeyPath = readonly (string | number)[];

export interface Source {
  readonly kind: 'file' | 'environment' | 'flag' | 'default';
  /** It is a variable of another program, whose user need not know our keys. */
  readonly isBorrowed?: boolean;
  /** `config.yaml:12`, `--port`, `WAGGLE_SERVER_PORT` or `default`. */
  readonly where: string;
}

const DEFAULT_SOURCE: Source = { kind: 'default', where: 'default' };

/** `['nodes', 1, 'port']` → `nodes[1].port`. */
export function showPath(path: KeyPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

/** A problem with the value at `path`, with the key in front; not where the source says it all. */
export function aboutKey(path: KeyPath, problem: string, sources: SourceLookup): string {
  return sources.of(path).isBorrowed === true ? problem : `${showPath(path)} ${problem}`;
}

/** Who set a value. */
export type SourceLookup = Pick<Sources, 'of'>;

/** Remembers which file line, variable or flag every value came from. */
export class Sources {
  readonly #byPath = new Map<string, Source>();

  set(path: KeyPath, source: Source): void {
    this.#byPath.set(JSON.stringify(path), source);
  }

  /** The value at `path` and all below it now come from `source`. */
  replace(path: KeyPath, source: Source): void {
    const below = `${JSON.stringify(path).slice(0, -1)},`;
    for (const known of this.#byPath.keys()) if (known.startsWith(below)) this.#byPath.delete(known);
    this.set(path, source);
  }

  /** The source of the value itself, or of the nearest thing around it that has a name (a missing key is missing there). */
  of(path: KeyPath): Source {
    if (path.length === 0) return this.given(path) ?? DEFAULT_SOURCE;
    for (let length = path.length; length > 0; length--) {
      const found = this.#byPath.get(JSON.stringify(path.slice(0, length)));
      if (found !== undefined) return found;
    }
    return DEFAULT_SOURCE;
  }

  /** The source of exactly this value; undefined when nobody gave it. */
  given(path: KeyPath): Source | undefined {
    return this.#byPath.get(JSON.stringify(path));
  }
}
