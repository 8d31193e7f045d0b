// The kinds of value a key can have. Each carries, as metadata, the words for what it accepts.
import { parseHost } from '@waggle/shared/addresses/hosts.ts';
import { z } from 'zod';
import { parseDurationMs, parseSizeBytes } from './units.ts';

export interface ValueMeta {
  /** Follows "must be" in a message. */
  readonly expected: string;
  readonly unit?: string;
  /** The value is never repeated in a message. */
  readonly secret?: true;
}

/** A number that may also be written as text, because variables and flags are text. */
export function wholeNumber(min: number, max: number) {
  const meta: ValueMeta = { expected: `a whole number from ${min} to ${max}` };
  return z
    .union([
      z.number(),
      z
        .string()
        .regex(/^\s*\d{1,15}\s*$/)
        .transform(Number),
    ])
    .refine((value) => Number.isInteger(value) && value >= min && value <= max)
    .meta({ ...meta });
}

export function duration(min: string, max: string) {
  const [minMs, maxMs] = [parseDurationMs(min) ?? 0, parseDurationMs(max) ?? 0];
  const meta: ValueMeta = {
    expected: `a time from ${min} to ${max}, written as 30 (seconds), 500ms, 10m or 1h`,
    unit: 'seconds, or ms|s|m|h behind the number',
  };
  return z
    .union([z.number(), z.string()])
    .transform(within(parseDurationMs, minMs, maxMs))
    .meta({ ...meta });
}

/** A time that may be without end. */
export function keepTime() {
  const meta: ValueMeta = {
    expected: 'a time up to 365d, written as 30 (seconds), 10m or 1h, or forever',
    unit: 'seconds, or ms|s|m|h|d behind the number, or forever',
  };
  const maxMs = parseDurationMs('365d') ?? 0;
  const parse = (value: number | string): number | undefined => {
    if (value === 'forever' || Number(value) < 0) return Number.POSITIVE_INFINITY;
    const ms = parseDurationMs(value);
    return ms === undefined || ms > maxMs ? undefined : ms;
  };
  return z
    .union([z.number(), z.string()])
    .transform(within(parse, 0, Number.POSITIVE_INFINITY))
    .meta({ ...meta });
}

/** On how many nodes; true is one, false is none. */
export function nodeCount(max: number) {
  const meta: ValueMeta = { expected: `true, false or a number of nodes from 0 to ${max}` };
  return z.union([z.boolean().transform(Number), wholeNumber(0, max)]).meta({ ...meta });
}

export function size(min: string, max: string) {
  const [minBytes, maxBytes] = [parseSizeBytes(min) ?? 0, parseSizeBytes(max) ?? 0];
  const meta: ValueMeta = {
    expected: `a size from ${min} to ${max}, written as 65536 (bytes), 64MiB or 1GB`,
    unit: 'bytes, or KiB|MiB|GiB|kB|MB|GB behind the number',
  };
  return z
    .union([z.number(), z.string()])
    .transform(within(parseSizeBytes, minBytes, maxBytes))
    .meta({ ...meta });
}

function within(parse: (value: number | string) => number | undefined, min: number, max: number) {
  return (value: number | string, context: z.core.$RefinementCtx<number | string>): number => {
    const parsed = parse(value);
    if (parsed !== undefined && parsed >= min && parsed <= max) return parsed;
    context.addIssue({ code: 'custom' });
    return z.NEVER;
  };
}

export function yesNo() {
  const meta: ValueMeta = { expected: 'true or false' };
  return z.union([z.boolean(), z.stringbool({ truthy: ['true', '1'], falsy: ['false', '0'] })]).meta({ ...meta });
}

export function text(meta: ValueMeta, pattern = /^\P{Cc}{1,2000}$/u) {
  return z
    .string()
    .trim()
    .regex(pattern)
    .meta({ ...meta });
}

export function choice<const Options extends readonly [string, ...string[]]>(options: Options) {
  const meta: ValueMeta = { expected: `one of ${options.join(', ')}` };
  return z.enum(options).meta({ ...meta });
}

export function host() {
  const meta: ValueMeta = { expected: 'an IP address or a host name' };
  return z
    .string()
    .trim()
    .transform((value, context) => {
      const parsed = parseHost(value);
      if (parsed !== undefined) return parsed;
      context.addIssue({ code: 'custom' });
      return z.NEVER;
    })
    .meta({ ...meta });
}

/** A list, or text with commas between the items. */
export function textList(meta: ValueMeta, item = /^\P{Cc}{1,200}$/u) {
  const commaText = z.string().transform((value) => value.split(','));
  return z
    .union([z.array(z.string()), commaText])
    .transform((items) => items.map((each) => each.trim()).filter((each) => each !== ''))
    .refine((items) => items.length <= 1_000 && items.every((each) => item.test(each)))
    .meta({ ...meta });
}
