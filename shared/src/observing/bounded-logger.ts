import { toBoundedFacts } from './bounded-facts.ts';
import { type Clock, systemClock } from './clock.ts';
import { LineBudget } from './line-budget.ts';
import type { LogLine, LogSink } from './log-line.ts';
import { type LogFacts, type Logger, type LogLevel, levelRank, silentLogger } from './logger.ts';

export interface BoundedLoggerOptions {
  readonly level: LogLevel;
  /** More lines than this are dropped, the lowest levels first. */
  readonly maxLinesPerSecond?: number;
  readonly sinks: readonly LogSink[];
  readonly clock?: Clock;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

const defaultLinesPerSecond = 500;
const eventMaxLength = 100;
/** A line that says what was dropped comes no more often. */
const droppedPauseMs = 1_000;

/** A logger whose level can change; whoever uses it calls its methods on it. */
export interface LevelledLogger extends Logger {
  setLevel(level: LogLevel): void;
}

/**
 * A logger that cannot write more than so many lines of so many bytes, whatever it is given. What is below the level costs
 * nothing but the call.
 */
export function createBoundedLogger(options: BoundedLoggerOptions): LevelledLogger {
  const lines = new BoundedLines(options);
  const toMethods = (limit: LogLevel): Logger => {
    const at = (level: LogLevel) =>
      levelRank[level] <= levelRank[limit]
        ? (event: string, facts?: LogFacts) => lines.write(level, event, facts)
        : silentLogger[level];
    return { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') };
  };
  const logger: LevelledLogger = {
    ...toMethods(options.level),
    setLevel: (level) => void Object.assign(logger, toMethods(level)),
  };
  return logger;
}

class BoundedLines {
  readonly #sinks: readonly LogSink[];
  readonly #clock: Clock;
  readonly #now: () => number;
  readonly #budget: LineBudget;
  #isToldLater = false;

  constructor({
    sinks,
    clock = systemClock,
    now = Date.now,
    maxLinesPerSecond = defaultLinesPerSecond,
  }: BoundedLoggerOptions) {
    this.#sinks = sinks;
    this.#clock = clock;
    this.#now = now;
    this.#budget = new LineBudget(maxLinesPerSecond, clock.now());
  }

  write(level: LogLevel, event: string, facts: LogFacts | undefined): void {
    if (!this.#budget.take(level, this.#clock.now())) {
      this.#tellLater();
      return;
    }
    const line = this.#toLine(level, event, facts);
    for (const sink of this.#sinks) {
      if (sink.write(line)) continue;
      this.#budget.drop(level);
      this.#tellLater();
    }
  }

  #toLine(level: LogLevel, event: string, facts: LogFacts | undefined): LogLine {
    return { timeMs: this.#now(), level, event: event.slice(0, eventMaxLength), facts: toBoundedFacts(facts) };
  }

  #tellLater(): void {
    if (this.#isToldLater) return;
    this.#isToldLater = true;
    this.#clock.schedule(droppedPauseMs, () => {
      this.#isToldLater = false;
      const dropped = this.#budget.takeDropped();
      if (dropped === undefined) return;
      // Outside the budget: it stands for the lines that had no room in it.
      const line = this.#toLine('warn', 'log-lines-dropped', dropped);
      for (const sink of this.#sinks) sink.write(line);
    });
  }
}
