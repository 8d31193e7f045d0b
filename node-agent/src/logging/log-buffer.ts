import type { LogBatch, LogEntry } from '@waggle/shared/observing/log-entry.ts';
import type { LogLine, LogSink } from '@waggle/shared/observing/log-line.ts';

interface Waiting {
  /** In the order of writing, over all levels. */
  readonly number: number;
  readonly bytes: number;
  readonly entry: LogEntry;
}

export interface LogBufferLimits {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

/** A few minutes without an orchestrator; at 64 KiB a second it is sent in some four seconds. */
const defaultLimits: LogBufferLimits = { maxEntries: 500, maxBytes: 256 * 1024 };
/** What an entry takes beside its texts, on the wire and here. */
const entryOverheadBytes = 32;
/** Lowest first: the order in which lines are given up. */
const keptLevels = ['info', 'warn', 'error'] as const;

/**
 * Lines that wait to be sent to the orchestrator. When it is full the lowest level goes first, and of a level the oldest;
 * what went is counted.
 */
export class LogBuffer implements LogSink {
  readonly #limits: LogBufferLimits;
  readonly #waiting: Readonly<Record<(typeof keptLevels)[number], Waiting[]>> = { info: [], warn: [], error: [] };
  readonly #listeners = new Set<() => void>();
  #lastNumber = 0;
  #entries = 0;
  #bytes = 0;
  #dropped = 0;

  constructor(limits: LogBufferLimits = defaultLimits) {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#entries === 0 && this.#dropped === 0;
  }

  /** Always true: what does not fit is counted here and said to the orchestrator. */
  write({ timeMs, level, event, facts }: LogLine): true {
    if (level === 'debug') return true; // steps stay where they happen
    const factsJson = JSON.stringify(facts);
    const bytes = Buffer.byteLength(event) + Buffer.byteLength(factsJson) + entryOverheadBytes;
    this.#lastNumber++;
    this.#waiting[level].push({ number: this.#lastNumber, bytes, entry: { timeMs, level, event, factsJson } });
    this.#entries++;
    this.#bytes += bytes;
    while (this.#entries > this.#limits.maxEntries || this.#bytes > this.#limits.maxBytes) this.#dropOne();
    for (const listener of this.#listeners) listener();
    return true;
  }

  /** The oldest lines that fit, and how many were dropped since the last call; undefined: there is nothing to say. */
  take(maxBytes: number): LogBatch | undefined {
    if (this.isEmpty) return undefined;
    const entries: LogEntry[] = [];
    let bytes = 0;
    for (let oldest = this.#oldest(); oldest !== undefined; oldest = this.#oldest()) {
      const [first] = oldest;
      // One that is larger than a batch could ever be would stop all others.
      if (first === undefined || (entries.length > 0 && bytes + first.bytes > maxBytes)) break;
      oldest.shift();
      this.#entries--;
      this.#bytes -= first.bytes;
      bytes += first.bytes;
      entries.push(first.entry);
    }
    const dropped = this.#dropped;
    this.#dropped = 0;
    return { entries, dropped };
  }

  /** Called with every line; the returned function ends it. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The line of the level whose first line was written first. */
  #oldest(): Waiting[] | undefined {
    let oldest: Waiting[] | undefined;
    for (const level of keptLevels) {
      const lines = this.#waiting[level];
      const number = lines[0]?.number;
      if (number !== undefined && number < (oldest?.[0]?.number ?? Number.POSITIVE_INFINITY)) oldest = lines;
    }
    return oldest;
  }

  #dropOne(): void {
    for (const level of keptLevels) {
      const dropped = this.#waiting[level].shift();
      if (dropped === undefined) continue;
      this.#entries--;
      this.#bytes -= dropped.bytes;
      this.#dropped++;
      return;
    }
  }
}
