import type { LogLevel } from './logger.ts';

/** A line as it travels from a node to its orchestrator. */
export interface LogEntry {
  /** Milliseconds since 1970 by the node's clock. */
  readonly timeMs: number;
  readonly level: LogLevel;
  readonly event: string;
  /** An object in JSON, as far as the node is to be believed; empty: no facts. */
  readonly factsJson: string;
}

export interface LogBatch {
  /** Oldest first. */
  readonly entries: readonly LogEntry[];
  /** Lines that had to be dropped since the batch before. */
  readonly dropped: number;
}
