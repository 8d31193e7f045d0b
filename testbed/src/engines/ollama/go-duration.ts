import { GoJsonError } from './go-json.ts';

const MS_PER_UNIT: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1e3, m: 6e4, h: 3.6e6 };

/** Milliseconds of a `keep_alive`: seconds or a Go duration; negative means for ever. Throws Go's words. */
export function readKeepAliveMs(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number') return value < 0 ? Number.POSITIVE_INFINITY : value * 1000;
  if (typeof value === 'string') {
    const ms = parseGoDurationMs(value);
    return ms < 0 ? Number.POSITIVE_INFINITY : ms;
  }
  throw new GoJsonError(`Unsupported type: '${typeof value === 'boolean' ? 'bool' : 'map[string]interface {}'}'`);
}

function parseGoDurationMs(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1;
  const rest = text.replace(/^[+-]/, '');
  if (rest === '0') return 0;
  if (rest === '') throw new GoJsonError(`time: invalid duration "${text}"`);
  let total = 0;
  const part = /(\d+(?:\.\d*)?|\.\d+)([^\d.]*)/y;
  while (part.lastIndex < rest.length) {
    const [, amount, unit] = part.exec(rest) ?? [];
    if (amount === undefined || unit === undefined) throw new GoJsonError(`time: invalid duration "${text}"`);
    if (unit === '') throw new GoJsonError(`time: missing unit in duration "${text}"`);
    const ms = MS_PER_UNIT[unit];
    if (ms === undefined) throw new GoJsonError(`time: unknown unit "${unit}" in duration "${text}"`);
    total += Number(amount) * ms;
  }
  return sign * total;
}
