// Durations and sizes as people write them in a configuration file.

const MS_PER_UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const BYTES_PER_UNIT: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1_000,
  mb: 1_000 ** 2,
  gb: 1_000 ** 3,
  tb: 1_000 ** 4,
  kib: 1_024,
  mib: 1_024 ** 2,
  gib: 1_024 ** 3,
  tib: 1_024 ** 4,
};

const PLAIN_NUMBER = /^\d{1,15}(?:\.\d{1,6})?$/;
const DURATION_PART = /(\d{1,15}(?:\.\d{1,6})?)(ms|s|m|h|d)/y;
const SIZE = /^(\d{1,15}(?:\.\d{1,6})?)\s?([kmgt]?i?b)$/i;

/**
 * Milliseconds of `30` (a bare number is seconds), `500ms`, `10m`, `1h30m`; undefined if it cannot be read.
 */
export function parseDurationMs(value: number | string): number | undefined {
  if (typeof value === 'number') return secondsToMs(value);
  const text = value.trim();
  if (PLAIN_NUMBER.test(text)) return secondsToMs(Number(text));
  let totalMs = 0;
  DURATION_PART.lastIndex = 0;
  while (DURATION_PART.lastIndex < text.length) {
    const part = DURATION_PART.exec(text);
    if (part === null) return undefined;
    totalMs += Number(part[1]) * (MS_PER_UNIT[part[2] ?? ''] ?? Number.NaN);
  }
  return text === '' ? undefined : wholeOrUndefined(totalMs);
}

/**
 * Bytes of `65536`, `64MiB` (1,024²) or `1GB` (1,000³); undefined if it cannot be read.
 */
export function parseSizeBytes(value: number | string): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  const text = value.trim();
  if (PLAIN_NUMBER.test(text)) return parseSizeBytes(Number(text));
  const [, amount, unit] = SIZE.exec(text) ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  return wholeOrUndefined(Number(amount) * (BYTES_PER_UNIT[unit.toLowerCase()] ?? Number.NaN));
}

/** As one would write it: `1h30m`, `500ms`, `forever`. */
export function showDuration(ms: number): string {
  if (ms === Number.POSITIVE_INFINITY) return 'forever';
  let rest = ms;
  let text = '';
  for (const [unit, length] of Object.entries(MS_PER_UNIT).toReversed()) {
    const count = Math.floor(rest / length);
    rest -= count * length;
    if (count > 0) text += `${count}${unit}`;
  }
  return text || '0s';
}

/** As one would write it: `64MiB`, or the bytes where no unit fits. */
export function showSize(bytes: number): string {
  const unit = ['TiB', 'GiB', 'MiB', 'KiB', 'TB', 'GB', 'MB', 'kB'].find(
    (each) => bytes > 0 && bytes % (BYTES_PER_UNIT[each.toLowerCase()] ?? Number.NaN) === 0,
  );
  return unit === undefined ? String(bytes) : `${bytes / (BYTES_PER_UNIT[unit.toLowerCase()] ?? 1)}${unit}`;
}

function secondsToMs(seconds: number): number | undefined {
  return seconds >= 0 ? wholeOrUndefined(seconds * 1_000) : undefined;
}

function wholeOrUndefined(value: number): number | undefined {
  const whole = Math.round(value);
  return Number.isSafeInteger(whole) ? whole : undefined;
}
