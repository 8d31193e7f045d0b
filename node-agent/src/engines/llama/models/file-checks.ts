import { Worker } from 'node:worker_threads';
import { systemClock } from '@waggle/shared/observing/clock.ts';
import type { GgufHeader } from './gguf-header.ts';

export type FileTask =
  | { readonly id: number; readonly kind: 'header' | 'hash'; readonly path: string }
  | { readonly id: number; readonly kind: 'stop' };

export type FileAnswer =
  | { readonly id: number; readonly header: GgufHeader }
  | { readonly id: number; readonly sha256: string }
  | { readonly id: number; readonly hashedBytes: number }
  | { readonly id: number; readonly problem: string; readonly isFormat: boolean };

export type HeaderOutcome =
  | { readonly kind: 'model'; readonly header: GgufHeader }
  /** A clause that follows the file's name. `unreadable`: it may be another time. */
  | { readonly kind: 'not-a-model' | 'unreadable'; readonly problem: string };

const idleMs = 5_000;

interface Waiting {
  settle(answer: FileAnswer): void;
  fail(cause: Error): void;
  readonly onBytes?: ((done: number) => void) | undefined;
}

/**
 * Reads headers and hashes of model files in a thread of its own, which is started for the first file and ends when there is
 * nothing to do for a while.
 */
export class FileChecks {
  #worker: Worker | undefined;
  #cancelEnd = () => {};
  #nextId = 1;
  readonly #waiting = new Map<number, Waiting>();

  /** Rejects only when the thread breaks. */
  async readHeader(path: string): Promise<HeaderOutcome> {
    const answer = await this.#ask('header', path);
    if ('header' in answer) return { kind: 'model', header: answer.header };
    const { problem, isFormat } = answer as Extract<FileAnswer, { problem: string }>;
    return { kind: isFormat ? 'not-a-model' : 'unreadable', problem };
  }

  /** Hex SHA-256 of a file. Rejects with the signal's reason, or an Error whose message follows the file's name. */
  async hash(path: string, signal?: AbortSignal, onBytes?: (done: number) => void): Promise<string> {
    const answer = await this.#ask('hash', path, signal, onBytes);
    if ('sha256' in answer) return answer.sha256;
    signal?.throwIfAborted();
    throw new Error((answer as Extract<FileAnswer, { problem: string }>).problem);
  }

  async close(): Promise<void> {
    this.#cancelEnd();
    await this.#worker?.terminate();
  }

  #ask(
    kind: 'header' | 'hash',
    path: string,
    signal?: AbortSignal,
    onBytes?: (done: number) => void,
  ): Promise<FileAnswer> {
    signal?.throwIfAborted();
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<FileAnswer>();
    this.#cancelEnd();
    const worker = (this.#worker ??= this.#start());
    worker.ref();
    const stop = () => send(worker, { id, kind: 'stop' });
    const release = () => {
      signal?.removeEventListener('abort', stop);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) this.#rest(worker);
    };
    this.#waiting.set(id, {
      onBytes,
      settle: (answer) => {
        release();
        resolve(answer);
      },
      fail: (cause) => {
        release();
        reject(cause);
      },
    });
    signal?.addEventListener('abort', stop);
    send(worker, { id, kind, path });
    return promise;
  }

  #start(): Worker {
    const worker = new Worker(new URL('./file-worker.ts', import.meta.url), { name: 'model files' });
    worker.on('message', (answer: FileAnswer) => {
      const waiting = this.#waiting.get(answer.id);
      if ('hashedBytes' in answer) waiting?.onBytes?.(answer.hashedBytes);
      else waiting?.settle(answer);
    });
    const fail = (cause: Error) => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      for (const waiting of [...this.#waiting.values()]) waiting.fail(cause);
    };
    worker.on('error', fail);
    worker.on('exit', () => fail(new Error('the thread that reads model files has ended')));
    return worker;
  }

  /** A thread is 10 MB: it is kept for the next file, but not for long, and nothing waits for it. */
  #rest(worker: Worker): void {
    worker.unref();
    this.#cancelEnd = systemClock.schedule(idleMs, () => {
      if (this.#worker === worker) this.#worker = undefined;
      void worker.terminate();
    });
  }
}

function send(worker: Worker, task: FileTask): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origin, windows have
  worker.postMessage(task);
}
