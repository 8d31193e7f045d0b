import type { LogLevel } from './logger.ts';

/** A line that is to be written: bounded in size, its facts nothing but JSON. */
export interface LogLine {
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly level: LogLevel;
  readonly event: string;
  readonly facts: Readonly<Record<string, JsonValue>>;
}

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** Where lines go. Never throws and never blocks. */
export interface LogSink {
  /** False: it has no room for the line, which is lost. */
  write(line: LogLine): boolean;
}
