import type { EngineHeaders } from '../dialect.ts';

/** Nobody rests an engine for longer than this, whatever it asks for. */
const longestMs = 10 * 60_000;

/**
 * How long an engine asks to be left alone, in milliseconds: `retry-after-ms`, or `retry-after` in seconds or as a date, which
 * is measured against the engine's own `date` where it sends one, so that its clock need not be right.
 */
export function readRetryAfterMs(headers: EngineHeaders): number | undefined {
  const inMs = numberOf(first(headers['retry-after-ms']));
  if (inMs !== undefined) return bounded(inMs);
  const value = first(headers['retry-after']);
  const seconds = numberOf(value);
  if (seconds !== undefined) return bounded(seconds * 1_000);
  const until = Date.parse(value ?? '');
  if (Number.isNaN(until)) return undefined;
  const sentAt = Date.parse(first(headers['date']) ?? '');
  return bounded(until - (Number.isNaN(sentAt) ? Date.now() : sentAt));
}

function first(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}

function numberOf(text: string | undefined): number | undefined {
  const trimmed = text?.trim() ?? '';
  return /^\d+(?:\.\d+)?$/.test(trimmed) ? Number(trimmed) : undefined;
}

function bounded(ms: number): number {
  return Math.round(Math.min(Math.max(ms, 0), longestMs));
}
