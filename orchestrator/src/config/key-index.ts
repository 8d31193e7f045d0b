// Walks the schema: what keys there are, what each accepts, how its environment variable is called.
import { z } from 'zod';
import type { KeyPath } from './sources.ts';

export interface KeyFacts {
  /** `['server', 'port']`; list items and names of models stand as `[]` and `<alias>`. */
  readonly path: readonly string[];
  readonly description: string;
  readonly expected: string;
  readonly unit: string | undefined;
  /** As one would write it; undefined where being absent means something of its own. */
  readonly defaultValue: unknown;
  readonly secret: boolean;
}

interface Layer {
  readonly schema: z.core.$ZodType;
  readonly meta: Readonly<Record<string, unknown>>;
  readonly defaultValue: unknown;
}

/** All keys that hold a value, in the order of the schema. */
export function listKeys(schema: z.core.$ZodType, path: readonly string[] = []): KeyFacts[] {
  const { schema: inner, meta, defaultValue } = unwrap(schema);
  const keysOf = (mapping: z.ZodObject | undefined) =>
    Object.entries(mapping?.shape ?? {}).flatMap(([key, child]) => listKeys(child, [...path, key]));
  if (inner instanceof z.ZodObject) return keysOf(inner);
  const own = toFacts(path, meta, defaultValue);
  if (inner instanceof z.ZodUnion) return [own, ...keysOf(mappingIn(inner))];
  if (inner instanceof z.ZodArray) return [own, ...listKeys(inner.element, [...path, '[]'])];
  if (inner instanceof z.ZodRecord) return [own, ...listKeys(inner.valueType, [...path, '<alias>'])];
  return [own];
}

/** The keys an object at `path` may have; undefined when there is no object with fixed keys. */
export function knownKeysAt(schema: z.core.$ZodType, path: KeyPath): string[] | undefined {
  const mapping = mappingIn(unwrap(descend(schema, path).at(-1) ?? schema).schema);
  return mapping && Object.keys(mapping.shape);
}

/** What the value at `path`, or the nearest thing around it, accepts. */
export function factsAt(schema: z.core.$ZodType, path: KeyPath): KeyFacts {
  const layers = descend(schema, path).map(unwrap);
  const said = layers.findLast(({ meta }) => typeof meta['expected'] === 'string');
  const nearest = layers.at(-1);
  const isSection = nearest?.schema instanceof z.ZodObject;
  // What stands where a section belongs may be anything, a password too.
  const section = { expected: 'a mapping of keys to values', secret: true };
  const meta = isSection || said === undefined ? section : said.meta;
  return toFacts(path.map(String), meta, nearest?.defaultValue);
}

/** `['cluster', 'joinToken']` → `WAGGLE_CLUSTER_JOIN_TOKEN`. */
export function environmentName(path: readonly string[]): string {
  return ['waggle', ...path].map((step) => step.replace(/[A-Z]/g, '_$&').toUpperCase()).join('_');
}

function descend(schema: z.core.$ZodType, path: KeyPath): z.core.$ZodType[] {
  const seen = [schema];
  for (const step of path) {
    const { schema: inner } = unwrap(seen.at(-1) ?? schema);
    let next: z.core.$ZodType | undefined;
    const mapping = mappingIn(inner);
    if (mapping !== undefined && Object.hasOwn(mapping.shape, step)) next = mapping.shape[step];
    else if (inner instanceof z.ZodArray) next = inner.element;
    else if (inner instanceof z.ZodRecord) next = inner.valueType;
    if (next === undefined) break;
    seen.push(next);
  }
  return seen;
}

/** The schema itself if it is a mapping, or the one of its forms that is. */
function mappingIn(schema: z.core.$ZodType): z.ZodObject | undefined {
  if (schema instanceof z.ZodObject) return schema;
  return schema instanceof z.ZodUnion ? schema.options.find((option) => option instanceof z.ZodObject) : undefined;
}

function unwrap(schema: z.core.$ZodType): Layer {
  let inner = schema;
  let meta: Record<string, unknown> = {};
  let defaultValue: unknown;
  for (;;) {
    meta = { ...z.globalRegistry.get(inner), ...meta };
    if (inner instanceof z.ZodPrefault) {
      defaultValue = inner.def.defaultValue;
      inner = inner.def.innerType;
    } else if (inner instanceof z.ZodOptional) {
      inner = inner.def.innerType;
    } else {
      return { schema: inner, meta, defaultValue };
    }
  }
}

function toFacts(path: readonly string[], meta: Layer['meta'], defaultValue: unknown): KeyFacts {
  const words = (name: string) => (typeof meta[name] === 'string' ? meta[name] : undefined);
  return {
    path,
    description: words('description') ?? '',
    expected: words('expected') ?? 'another kind of value',
    unit: words('unit'),
    defaultValue,
    secret: meta['secret'] === true,
  };
}
