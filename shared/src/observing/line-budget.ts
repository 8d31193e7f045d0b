import type { LogLevel } from './logger.ts';
import { TokenBucket } from './token-bucket.ts';

/** Lines that a budget refused, by level. */
export type DroppedLines = Readonly<Partial<Record<LogLevel, number>>>;

/** Part of the burst that a level leaves to those above it: in a flood the lowest levels go first, and errors last. */
const reserveShare: Readonly<Record<LogLevel, number>> = { error: 0, warn: 0.1, info: 0.25, debug: 0.5 };
const burstSeconds = 2;

/** How many lines may be written, and what had to be left out. */
export class LineBudget {
  readonly #bucket: TokenBucket;
  readonly #burst: number;
  #dropped: Partial<Record<LogLevel, number>> | undefined;

  constructor(linesPerSecond: number, now: number) {
    this.#burst = linesPerSecond * burstSeconds;
    this.#bucket = new TokenBucket({ perSecond: linesPerSecond, burst: this.#burst }, now);
  }

  /** False: the line must be left out. It was counted. */
  take(level: LogLevel, now: number): boolean {
    if (this.#bucket.take(1, now, this.#burst * reserveShare[level])) return true;
    this.drop(level);
    return false;
  }

  /** Counts a line that was left out for another reason. */
  drop(level: LogLevel, count = 1): void {
    this.#dropped ??= {};
    this.#dropped[level] = (this.#dropped[level] ?? 0) + count;
  }

  /** What was dropped since the last call; undefined: nothing. */
  takeDropped(): DroppedLines | undefined {
    const dropped = this.#dropped;
    this.#dropped = undefined;
    return dropped;
  }
}
