import type { ChatEvent } from '@waggle/shared/chat/chat-event.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { type Clock, systemClock } from '@waggle/shared/observing/clock.ts';
import { Child } from './child.ts';
import type { FromChild, LoadedModel, LoadOrder, ModelWork, RunEnd } from './protocol.ts';

/** Where a run says what comes of it; nothing follows `ended`. */
export interface RunOutput {
  events(events: readonly ChatEvent[]): void;
  ended(end: RunEnd): void;
}

/** A run on a loaded model. */
export interface ProcessRun {
  /** `ended` follows when nothing is computed for it any more. */
  cancel(): void;
  pause(): void;
  resume(): void;
}

/** A cancelled run that has not stopped by then never will: a template that loops, say. The process goes, and what runs on it. */
const stopMaxMs = 60_000;

/** A loaded model in a process of its own. When that dies its runs fail, and so does whatever is asked of it later. */
export class ModelProcess {
  readonly loaded: LoadedModel;
  readonly #child: Child;
  readonly #runs: Map<number, RunOutput>;
  readonly #clock: Clock;
  #nextRun = 1;

  private constructor(child: Child, loaded: LoadedModel, runs: Map<number, RunOutput>, clock: Clock) {
    this.#child = child;
    this.loaded = loaded;
    this.#runs = runs;
    this.#clock = clock;
  }

  /** @throws ClusterError in words why it cannot be loaded */
  static async load(order: LoadOrder, signal: AbortSignal, clock: Clock = systemClock): Promise<ModelProcess> {
    const runs = new Map<number, RunOutput>();
    const answered = Promise.withResolvers<LoadedModel>();
    // It may be refused before anybody waits for it.
    answered.promise.catch(() => {});
    const child = new Child((message) => {
      if (message.type === 'loaded') answered.resolve(message.loaded);
      else if (message.type === 'load-failed') answered.reject(notLoaded(message.message));
      else takeRunMessage(message, runs);
    });
    void child.exited.then((how) => {
      const words = wordsOf(child, how);
      answered.reject(notLoaded(words));
      const failure = { code: 'engine-failed', message: `the process of the model ended: ${words}` } as const;
      for (const output of runs.values()) output.ended({ outcome: 'failed', hasDied: true, failure });
      runs.clear();
    });
    const giveUp = () => {
      answered.reject(signal.reason);
      child.kill();
    };
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      child.tell({ type: 'load', ...order });
      return new ModelProcess(child, await answered.promise, runs, clock);
    } catch (thrown) {
      child.kill();
      await child.exited;
      throw thrown;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  /** Resolves with how it ended, whoever ended it. */
  get exited(): Promise<string> {
    return this.#child.exited;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  run(work: ModelWork, output: RunOutput): ProcessRun {
    const run = this.#nextRun++;
    let stopWaiting = () => {};
    if (this.#child.isGone) {
      const failure = { code: 'engine-failed', message: 'the process of the model has ended' } as const;
      queueMicrotask(() => output.ended({ outcome: 'failed', hasDied: true, failure }));
    } else {
      this.#runs.set(run, {
        events: (events) => output.events(events),
        ended: (end) => {
          stopWaiting();
          output.ended(end);
        },
      });
    }
    this.#child.tell({ type: 'run', run, work });
    return {
      cancel: () => {
        this.#child.tell({ type: 'cancel', run });
        if (!this.#runs.has(run)) return;
        stopWaiting();
        stopWaiting = this.#clock.schedule(stopMaxMs, () => this.#child.kill());
      },
      pause: () => this.#child.tell({ type: 'pause', run }),
      resume: () => this.#child.tell({ type: 'resume', run }),
    };
  }

  /** Resolves when its memory is free. */
  async end(): Promise<void> {
    this.#child.kill();
    await this.#child.exited;
  }
}

function takeRunMessage(message: FromChild, runs: Map<number, RunOutput>): void {
  if (message.type === 'events') return runs.get(message.run)?.events(message.events);
  if (message.type !== 'ended') return;
  const output = runs.get(message.run);
  runs.delete(message.run);
  output?.ended(message.end);
}

function notLoaded(words: string): ClusterError {
  return new ClusterError('engine-failed', `the model cannot be loaded: ${words}`);
}

function wordsOf(child: Child, how: string): string {
  return child.lastWords === '' ? how : `${how} (${child.lastWords})`;
}
