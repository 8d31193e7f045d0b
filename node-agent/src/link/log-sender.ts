import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { LogBatch } from '@waggle/shared/observing/log-entry.ts';

/** The node's lines that the orchestrator has not had yet. */
export interface LogSource {
  readonly isEmpty: boolean;
  /** The oldest that fit; undefined: there is nothing to say. They are gone then, whether they arrive or not. */
  take(maxBytes: number): LogBatch | undefined;
  /** Called with every line; the returned function ends it. */
  subscribe(listener: () => void): () => void;
}

interface LogSenderDeps {
  readonly logs: LogSource;
  readonly clock: Clock;
  /** The stream takes nothing more; `drained` will be called. */
  readonly isFull: () => boolean;
  /** Sends a report that is due: it comes before what is said of the past. */
  readonly sendReport: () => void;
  readonly write: (batch: LogBatch) => void;
}

/** Batches come no more often. */
const pauseMs = 1_000;
/** What happens together travels together. */
const gatherMs = 100;
const batchMaxBytes = 64 * 1024;

/** Sends the node's log to the orchestrator: seldom, in small batches, and only when nothing else waits. */
export class LogSender {
  readonly #deps: LogSenderDeps;
  readonly #unsubscribe: () => void;
  #mayAt: number;
  #stopWaiting: (() => void) | undefined;
  #isClosed = false;

  constructor(deps: LogSenderDeps) {
    this.#deps = deps;
    this.#mayAt = deps.clock.now();
    this.#unsubscribe = deps.logs.subscribe(() => this.#sendSoon());
    this.#sendSoon();
  }

  /** The stream takes something again. */
  drained(): void {
    this.#sendSoon();
  }

  /** The last batch, without a pause. */
  flush(): void {
    if (!this.#isClosed) this.#send();
  }

  close(): void {
    this.#isClosed = true;
    this.#stopWaiting?.();
    this.#unsubscribe();
  }

  #sendSoon(): void {
    const { logs, clock, isFull } = this.#deps;
    if (this.#isClosed || this.#stopWaiting !== undefined || logs.isEmpty || isFull()) return;
    this.#stopWaiting = clock.schedule(Math.max(gatherMs, this.#mayAt - clock.now()), () => {
      this.#stopWaiting = undefined;
      this.#send();
      this.#sendSoon();
    });
  }

  #send(): void {
    const { logs, clock, isFull, sendReport, write } = this.#deps;
    if (isFull()) return;
    sendReport();
    if (isFull()) return;
    const batch = logs.take(batchMaxBytes);
    if (batch === undefined) return;
    this.#mayAt = clock.now() + pauseMs;
    write(batch);
  }
}
