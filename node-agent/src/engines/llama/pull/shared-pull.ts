import type { PullProgress } from './model-pulls.ts';

/** Tells the lines of a pull to those who follow it. */
export interface PullReport {
  /** A line of the same status and digest replaces the one before. */
  line(progress: PullProgress): void;
}

/**
 * One piece of work that several wait for: each sees its lines from the first on, and when the last one has gone it is
 * stopped.
 */
export class SharedPull<Result> {
  readonly #stop = new AbortController();
  readonly #lines = new Map<string, { readonly version: number; readonly progress: PullProgress }>();
  readonly #result: Promise<Result>;
  #version = 0;
  #followers = 0;
  #isEnded = false;
  #news = Promise.withResolvers<void>();

  constructor(work: (report: PullReport, signal: AbortSignal) => Promise<Result>) {
    this.#result = work({ line: (progress) => this.#tell(progress) }, this.#stop.signal).finally(() => {
      this.#isEnded = true;
      this.#news.resolve();
    });
    // Whoever follows sees the failure; where nobody does any more nobody needs to.
    this.#result.catch(() => undefined);
  }

  /** True when whoever comes now would wait in vain. */
  get isOver(): boolean {
    return this.#isEnded || this.#stop.signal.aborted;
  }

  /** Settles when the work has ended, whatever came of it. */
  async ended(): Promise<void> {
    await this.#result.catch(() => undefined);
  }

  stop(reason?: unknown): void {
    this.#stop.abort(reason);
  }

  /** Rejects with the signal's reason when it is aborted; the work goes on while others follow. */
  async *follow(signal: AbortSignal): AsyncGenerator<PullProgress, Result, undefined> {
    this.#followers++;
    const aborted = Promise.withResolvers<never>();
    aborted.promise.catch(() => undefined);
    const abort = () => aborted.reject(signal.reason);
    signal.addEventListener('abort', abort);
    try {
      for (let seen = 0; ; ) {
        signal.throwIfAborted();
        const news = [...this.#lines.values()].filter(({ version }) => version > seen);
        news.sort((a, b) => a.version - b.version);
        seen = this.#version;
        for (const { progress } of news) yield progress;
        if (seen !== this.#version) continue;
        if (this.#isEnded) return await this.#result;
        await Promise.race([this.#news.promise, aborted.promise]);
      }
    } finally {
      signal.removeEventListener('abort', abort);
      if (--this.#followers === 0 && !this.#isEnded) {
        this.#stop.abort(signal.reason);
        // Files are closed before the next one opens them.
        await this.ended();
      }
    }
  }

  #tell(progress: PullProgress): void {
    this.#lines.set(`${progress.status} ${progress.digest ?? ''}`, { version: ++this.#version, progress });
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }
}
