import { splitNodeSuffix, toModelKey } from './model-names.ts';

/** What the operator wants of a model. */
export interface ModelSetting {
  /** How long it stays after its last use, at least; infinite: for ever; undefined: as its engine likes. */
  readonly keepAliveMs: number | undefined;
  /** On how many nodes it is kept loaded though nobody asked for it. */
  readonly preload: number;
  /** Names of the only nodes that serve it; undefined: all. */
  readonly nodes: readonly string[] | undefined;
  /** Deadline of requests that state none. */
  readonly timeoutMs: number | undefined;
  /** Tokens of context it is loaded with, unless a client asks for more. */
  readonly numCtx: number | undefined;
}

/** The settings of models, which change while the program runs: ask each time. */
export class ModelSettings {
  #byKey: ReadonlyMap<string, ModelSetting> = new Map();
  /** Another object after each change: who keeps what he was told asks again then. */
  edition = {};
  #hasTimeouts = false;

  /** By names as engines or people spell them. */
  replace(settings: Readonly<Record<string, ModelSetting>>): void {
    this.#byKey = new Map(Object.entries(settings).map(([name, setting]) => [toModelKey(name), setting]));
    this.edition = {};
    this.#hasTimeouts = Object.values(settings).some(({ timeoutMs }) => timeoutMs !== undefined);
  }

  of(key: string): ModelSetting {
    return this.#byKey.get(key) ?? noSetting;
  }

  /** Keys and settings of all models that have some. */
  get all(): Iterable<readonly [key: string, setting: ModelSetting]> {
    return this.#byKey;
  }

  /** Milliseconds, for the name as a client wrote it: its own; else, of an alias, that of the model it stands for first. */
  timeoutOf(name: string, aliases: ReadonlyMap<string, readonly string[]>): number | undefined {
    if (!this.#hasTimeouts) return undefined;
    const own = this.of(toModelKey(name)).timeoutMs;
    if (own !== undefined) return own;
    const { model } = splitNodeSuffix(name) ?? { model: name };
    const [first = model] = aliases.get(model) ?? [];
    return this.of(toModelKey(model)).timeoutMs ?? this.of(toModelKey(first)).timeoutMs;
  }
}

/** Names of nodes that settings speak of and that nobody knows, by model. */
export function findUnknownNodes(
  settings: ModelSettings,
  isKnown: (node: string) => boolean,
): readonly { readonly model: string; readonly nodes: readonly string[] }[] {
  return [...settings.all]
    .map(([model, { nodes = [] }]) => ({ model, nodes: nodes.filter((node) => !isKnown(node)) }))
    .filter(({ nodes }) => nodes.length > 0);
}

/** Nothing is wanted. */
export const noSetting: ModelSetting = {
  keepAliveMs: undefined,
  preload: 0,
  nodes: undefined,
  timeoutMs: undefined,
  numCtx: undefined,
};
