/** Nanoseconds of the units that Go's `time.ParseDuration` knows. */
const units: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3, // U+00B5
  μs: 1e3, // U+03BC
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** Go's largest duration, in nanoseconds. */
const longest = 2 ** 63;

export type GoDurationResult =
  | { readonly ok: true; readonly seconds: number }
  /** Go's own words. */
  | { readonly ok: false; readonly problem: string };

/** A duration as Go writes and reads it (`5m`, `1h30m`, `-1s`, `1.5h`), in seconds. */
export function parseGoDuration(text: string): GoDurationResult {
  const invalid: GoDurationResult = { ok: false, problem: `time: invalid duration ${quote(text)}` };
  const sign = /^[-+]/.exec(text)?.[0] ?? '';
  let rest = text.slice(sign.length);
  if (rest === '0') return { ok: true, seconds: 0 };
  if (rest === '') return invalid;
  let total = 0;
  while (rest !== '') {
    const digits = /^(?:\d+\.?\d*|\.\d+)/.exec(rest)?.[0];
    if (digits === undefined) return invalid;
    rest = rest.slice(digits.length);
    const unit = /^[^.\d]*/.exec(rest)?.[0] ?? '';
    if (unit === '') return { ok: false, problem: `time: missing unit in duration ${quote(text)}` };
    const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
    if (factor === undefined)
      return { ok: false, problem: `time: unknown unit ${quote(unit)} in duration ${quote(text)}` };
    total += Number(digits) * factor;
    if (total >= longest) return invalid;
    rest = rest.slice(unit.length);
  }
  return { ok: true, seconds: (sign === '-' ? -total : total) / 1e9 };
}

/** Go quotes control characters as JSON does, nearly. */
function quote(text: string): string {
  return JSON.stringify(text);
}
