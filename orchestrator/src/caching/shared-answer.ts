import type { AnswerBatch } from '@waggle/shared/chat/answer-batch.ts';
import { ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { sizeOf } from './kept-answer.ts';

export interface SharedAnswerDeps {
  readonly batches: AsyncIterator<AnswerBatch>;
  /** Ends the work behind the answer; called when its last reader left before the end. */
  readonly abandon: (reason: ClusterError) => void;
  /** Called once: with all batches, or without when it failed, was given up, or grew too large to be kept. */
  readonly settled: (batches: readonly AnswerBatch[] | undefined) => void;
  /** From so many bytes on nobody new may join, and only what some reader has not read yet is kept. */
  readonly largestBytes: number;
}

/** Bytes by which the fastest reader may be ahead of the slowest, once the beginning is no longer kept. */
const longestLead = 1_048_576;

interface Reader {
  /** Batches it has read. */
  at: number;
  wake: (() => void) | undefined;
}

/**
 * One answer for several readers, each at its own pace and each free to leave. The work is asked for as fast as the fastest one reads;
 * the last one to leave ends it.
 */
export class SharedAnswer {
  readonly #deps: SharedAnswerDeps;
  readonly #readers = new Set<Reader>();
  /** From batch number `#dropped` on. */
  #batches: AnswerBatch[] = [];
  #dropped = 0;
  #bytes = 0;
  #isAsking = false;
  #isWhole = true;
  #isOver = false;
  #failure: ClusterError | undefined;

  constructor(deps: SharedAnswerDeps) {
    this.#deps = deps;
  }

  /** Everything from the first batch on can still be read, and the work goes on. */
  get isOpen(): boolean {
    return this.#isWhole && !this.#isOver;
  }

  /** Reads from the beginning; only while `isOpen`. The signal is the reader's own. */
  read(signal: AbortSignal): AsyncIterator<AnswerBatch> {
    const reader: Reader = { at: 0, wake: undefined };
    this.#readers.add(reader);
    let isDone = false;
    const aborted = () => {
      this.#leave(reader);
      reader.wake?.();
    };
    const finish = () => {
      isDone = true;
      signal.removeEventListener('abort', aborted);
      this.#leave(reader);
    };
    signal.addEventListener('abort', aborted);
    return {
      next: async () => {
        for (;;) {
          if (isDone) return { done: true, value: undefined };
          const batch = this.#batches[reader.at - this.#dropped];
          if (!signal.aborted && batch !== undefined) {
            reader.at++;
            this.#trim();
            return { done: false, value: batch };
          }
          const failure = signal.aborted ? toClusterError(signal.reason) : this.#failure;
          if (failure !== undefined || this.#isOver) finish();
          if (failure !== undefined) throw failure;
          if (!this.#isOver) await this.#next(reader);
        }
      },
      return: async () => {
        finish();
        return { done: true, value: undefined };
      },
    };
  }

  /** Resolves when something has changed for the reader. */
  #next(reader: Reader): Promise<void> {
    return new Promise((resolve) => {
      reader.wake = resolve;
      this.#ask();
    });
  }

  #leave(reader: Reader): void {
    if (!this.#readers.delete(reader)) return;
    if (this.#readers.size > 0) {
      this.#trim();
      return;
    }
    if (this.#isOver) return;
    const reason = new ClusterError('client-gone', 'everybody who waited for the answer left');
    this.#end(reason);
    this.#deps.abandon(reason);
    void this.#deps.batches.return?.();
  }

  #ask(): void {
    if (this.#isAsking || this.#isOver || this.#isTooFarAhead()) return;
    this.#isAsking = true;
    this.#deps.batches.next().then(
      (next) => {
        this.#isAsking = false;
        if (this.#isOver) return;
        if (next.done === true) this.#end();
        else this.#take(next.value);
        this.#wakeAll();
      },
      (thrown: unknown) => {
        this.#isAsking = false;
        if (this.#isOver) return;
        this.#end(toClusterError(thrown));
        this.#wakeAll();
      },
    );
  }

  #take(batch: AnswerBatch): void {
    this.#batches.push(batch);
    this.#bytes += sizeOf(batch);
    if (this.#bytes <= this.#deps.largestBytes) return;
    this.#isWhole = false;
    this.#trim();
  }

  /** Lets go of what every reader has read, where it is not to be kept, and goes on if somebody waited for that. */
  #trim(): void {
    if (this.#isWhole) return;
    const read = this.#slowest();
    if (read === this.#dropped) return;
    for (const batch of this.#batches.splice(0, read - this.#dropped)) this.#bytes -= sizeOf(batch);
    this.#dropped = read;
    this.#wakeAll();
  }

  #slowest(): number {
    let slowest = Number.POSITIVE_INFINITY;
    for (const { at } of this.#readers) slowest = Math.min(slowest, at);
    return slowest;
  }

  #isTooFarAhead(): boolean {
    return !this.#isWhole && this.#bytes > longestLead;
  }

  #wakeAll(): void {
    for (const { wake } of this.#readers) wake?.();
  }

  #end(failure?: ClusterError): void {
    this.#isOver = true;
    this.#failure = failure;
    this.#deps.settled(failure === undefined && this.#isWhole ? this.#batches : undefined);
  }
}
