import type { LogBatch } from '../observing/log-entry.ts';
import type { LogLevel } from '../observing/logger.ts';
import { toCount } from './counts.ts';
import * as wire from './generated/waggle/v1/membership.ts';

const levelNumbers: Readonly<Record<LogLevel, wire.LogLevel>> = {
  error: wire.LogLevel.ERROR,
  warn: wire.LogLevel.WARN,
  info: wire.LogLevel.INFO,
  debug: wire.LogLevel.DEBUG,
};

const levels: readonly LogLevel[] = ['error', 'warn', 'info', 'debug'];

/** More entries of one batch are not read: no node of ours sends so many. */
const maxEntries = 2_000;

export function toWireLogBatch({ entries, dropped }: LogBatch): wire.LogBatch {
  return {
    entries: entries.map(({ timeMs, level, event, factsJson }) => ({
      timeMs: toCount(timeMs),
      level: levelNumbers[level],
      event,
      factsJson,
    })),
    dropped: toCount(dropped),
  };
}

export function fromWireLogBatch({ entries, dropped }: wire.LogBatch): LogBatch {
  const read = entries.slice(0, maxEntries).map((entry) => ({ ...entry, level: fromWireLevel(entry.level) }));
  return { entries: read, dropped: dropped + entries.length - read.length };
}

/** A level of a later version is taken as the usual one. */
function fromWireLevel(number: wire.LogLevel): LogLevel {
  return levels.find((level) => levelNumbers[level] === number) ?? 'info';
}
