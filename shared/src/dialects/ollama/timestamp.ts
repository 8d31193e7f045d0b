import { performance } from 'node:perf_hooks';

/**
 * Gives times as Ollama writes them, RFC 3339 with nine digits of a second, rising. The seconds are formatted once each, not once
 * per line. `now`: milliseconds since 1970; the machine's clock unless told.
 */
export function createTimestamp(now: () => number = preciseNow): () => string {
  let second = Number.NaN;
  let prefix = '';
  return () => {
    const ms = now();
    const current = Math.floor(ms / 1_000);
    if (current !== second) {
      second = current;
      prefix = new Date(current * 1_000).toISOString().slice(0, 20);
    }
    const nanoseconds = Math.round((ms - current * 1_000) * 1e6);
    return `${prefix}${String(nanoseconds).padStart(9, '0')}Z`;
  };
}

/** A clock of microseconds. */
function preciseNow(): number {
  return performance.timeOrigin + performance.now();
}
