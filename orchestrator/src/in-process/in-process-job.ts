import type { AnswerBatch } from '@waggle/shared/chat/answer-batch.ts';
import type { DeclineReason, JobEnd, JobHeader } from '@waggle/shared/cluster/job.ts';
import type { UnansweredJob } from '@waggle/shared/lane-link/accept-ticker.ts';
import type { JobObserver } from '@waggle/shared/lane-link/lane-link.ts';
import type { JobOutput, NodeHost, RunningJob } from '@waggle/shared/lane-link/node-host.ts';

/**
 * A job on an in-process lane: passes what the host says on to the observer.
 *
 * Invariant: what the host says while it is being called (run, cancel, resume) reaches the observer in a turn of its own,
 * in order; otherwise it is passed on as it is said. So no observer is ever called from inside a call to its lane.
 */
export class InProcessJob implements JobOutput, UnansweredJob {
  readonly #observer: JobObserver;
  /** Called just before the observer hears the last word: the lane is idle by then. */
  readonly #beforeEnd: () => void;
  /** Called after the observer heard the last word. */
  readonly #afterEnd: () => void;
  #running: RunningJob | undefined;
  #deferred: (() => void)[] = [];
  #callDepth = 0;
  #isAccepted = false;
  #isOver = false;
  #isPaused = false;
  #isHeldBack = false;
  #hasSaidLast = false;

  constructor(observer: JobObserver, hooks: { readonly beforeEnd: () => void; readonly afterEnd: () => void }) {
    this.#observer = observer;
    this.#beforeEnd = hooks.beforeEnd;
    this.#afterEnd = hooks.afterEnd;
  }

  /** The host is done with it, though the observer may not have heard so yet. */
  get hasSaidLast(): boolean {
    return this.#hasSaidLast;
  }

  start(host: NodeHost, header: JobHeader, body: Uint8Array): void {
    this.#call(() => {
      this.#running = host.run(header, body, this);
    });
  }

  cancel(): void {
    this.#call(() => this.#running?.cancel());
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#isHeldBack) return;
    this.#isHeldBack = false;
    this.#call(() => this.#running?.resume());
  }

  /** The lane goes: the observer hears it at once, whatever the host says later is dropped. */
  lose(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deferred = [];
    this.#call(() => this.#running?.cancel());
    this.#observer.lost(reason);
  }

  acceptIfSilent(): void {
    this.#say(() => this.#accept());
  }

  declined(reason: DeclineReason): void {
    this.#hasSaidLast = true;
    this.#say(() => this.#end(() => this.#observer.declined(reason)));
  }

  batch(batch: AnswerBatch): boolean {
    this.#say(() => {
      this.#accept();
      this.#observer.batch(batch);
    });
    if (this.#isPaused) this.#isHeldBack = true;
    return !this.#isPaused;
  }

  ended(end: JobEnd): void {
    this.#hasSaidLast = true;
    this.#say(() => {
      this.#accept();
      this.#end(() => this.#observer.ended(end));
    });
  }

  #accept(): void {
    if (this.#isAccepted) return;
    this.#isAccepted = true;
    this.#observer.accepted();
  }

  #end(tell: () => void): void {
    this.#isOver = true;
    this.#beforeEnd();
    tell();
    this.#afterEnd();
  }

  #call(action: () => void): void {
    this.#callDepth++;
    try {
      action();
    } finally {
      this.#callDepth--;
    }
  }

  #say(action: () => void): void {
    if (this.#isOver) return;
    if (this.#callDepth === 0 && this.#deferred.length === 0) {
      action();
      return;
    }
    this.#deferred.push(action);
    if (this.#deferred.length === 1) setImmediate(() => this.#sayDeferred());
  }

  #sayDeferred(): void {
    for (let action = this.#deferred[0]; action !== undefined; action = this.#deferred[0]) {
      if (!this.#isOver) action();
      this.#deferred.shift();
    }
  }
}
