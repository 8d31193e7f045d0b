import { type AnswerBatch, batchKind, isCommitting } from '@waggle/shared/chat/answer-batch.ts';
import type { DeclineReason, JobEnd, JobHeader } from '@waggle/shared/cluster/job.ts';
import type { JobObserver } from '@waggle/shared/lane-link/lane-link.ts';
import type { Placed } from '../scheduling/held-job.ts';
import type { Scheduler } from '../scheduling/scheduler.ts';
import type { AttemptRecord } from './request-record.ts';

/** How an attempt went wrong before the job was answered. */
export type AttemptFailure =
  | { readonly kind: 'declined'; readonly reason: DeclineReason }
  | { readonly kind: 'lost'; readonly reason: string }
  | { readonly kind: 'ended'; readonly end: JobEnd };

/** Who follows an attempt. Nothing is called after `failed`, nor after `detach`; `finished` may follow `answered`. */
export interface AttemptOwner {
  batch(batch: AnswerBatch): void;
  /** The engine is done; the answer is complete. */
  finished(end: JobEnd): void;
  failed(failure: AttemptFailure): void;
}

/** What a node that says `done` before the terminal event of the answer means: its engine spoilt it. */
const endedWithoutAnswer: JobEnd = {
  outcome: 'failed',
  failure: { cause: 'engine', code: 'engine-failed', message: 'the engine ended without a final answer' },
};

/**
 * One try of a job on one lane. Whatever happens, the lane is released exactly once: when the node says that the engine
 * stopped, gives the job back, or is lost.
 */
export class Attempt implements JobObserver {
  readonly placed: Placed;
  readonly record: AttemptRecord;
  /** Monotonic time of the last sign of life. */
  lastEventAt: number;
  readonly #scheduler: Scheduler;
  readonly #now: () => number;
  #owner: AttemptOwner | undefined;
  #isReleased = false;
  #isPaused = false;
  #isFaulty = false;
  #isComplete = false;

  constructor(
    deps: { readonly scheduler: Scheduler; readonly now: () => number },
    placed: Placed,
    record: AttemptRecord,
    owner: AttemptOwner,
  ) {
    this.#scheduler = deps.scheduler;
    this.#now = deps.now;
    this.placed = placed;
    this.record = record;
    this.#owner = owner;
    this.lastEventAt = placed.bound.boundAt;
  }

  start(header: JobHeader, body: Uint8Array): void {
    this.placed.lane.bind(header, body, this);
  }

  get committed(): boolean {
    return this.placed.bound.firstEventAt !== undefined;
  }

  /** The reader is slow: what the engine says waits, and its silence means nothing. */
  pause(): void {
    if (this.#isReleased || this.#isPaused) return;
    this.#isPaused = true;
    this.placed.lane.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.lastEventAt = this.#now();
    if (!this.#isReleased) this.placed.lane.resume();
  }

  silentMs(now: number): number {
    return this.#isPaused ? 0 : now - this.lastEventAt;
  }

  /** Stops the engine's work; the owner hears nothing more. */
  cancel(outcome: 'cancelled' | 'failed', reason: string): void {
    this.#owner = undefined;
    this.record.outcome ??= outcome;
    this.record.reason ??= reason;
    if (this.#isReleased) return;
    this.#scheduler.drain(this.placed);
    this.resume();
    this.placed.lane.cancel();
  }

  accepted(): void {
    this.lastEventAt = this.#now();
  }

  batch(batch: AnswerBatch): void {
    const now = this.#now();
    this.lastEventAt = now;
    const { bound } = this.placed;
    bound.tokensOut += batch.deltas;
    if ((batch.kinds & batchKind.end) !== 0) this.#isComplete = true;
    if (bound.firstEventAt === undefined && isCommitting(batch)) bound.firstEventAt = now;
    this.#owner?.batch(batch);
  }

  declined(reason: DeclineReason): void {
    this.placed.settle('neutral');
    this.#note('declined', reason);
    this.#release('declined');
    this.#owner?.failed({ kind: 'declined', reason });
  }

  lost(reason: string): void {
    this.placed.settle('neutral');
    this.#note('lost', reason);
    this.#release('lost');
    this.#owner?.failed({ kind: 'lost', reason });
  }

  ended(said: JobEnd): void {
    const owner = this.#owner;
    // Of one that was cancelled nobody knows whether its last event was on the way.
    const isBroken = said.outcome === 'done' && !this.#isComplete && owner !== undefined;
    const end = isBroken ? endedWithoutAnswer : said;
    this.#owner = undefined;
    this.#judge(end);
    this.#note(end.outcome, end.failure?.message);
    if (end.outcome === 'done') {
      this.#release('done');
      owner?.finished(end);
      return;
    }
    // What follows for the place is decided before its lane is anybody else's: one that asked for a pause gets no next job.
    try {
      owner?.failed({ kind: 'ended', end });
    } finally {
      this.#release(end.outcome);
    }
  }

  /** An engine's own fault counts against it; what we, the client or its limits caused is neutral. */
  #judge(end: JobEnd): void {
    const { placement, settle } = this.placed;
    if (end.outcome === 'done') {
      settle('ok');
      placement.restsInRow = 0;
      this.#learn(end);
    } else if (end.failure?.cause === 'engine' || end.failure?.cause === 'forbidden') {
      // What is forbidden once may be a matter of the request; a model that is never allowed attracts no load by being idle.
      this.fault();
    } else {
      settle('neutral');
    }
  }

  /** The engine spoilt this attempt, or kept silent past its deadline. */
  fault(): void {
    if (this.#isFaulty) return;
    this.#isFaulty = true;
    this.placed.settle('fault');
    this.placed.placement.rates.learnFault(this.#now());
  }

  #learn(end: JobEnd): void {
    // A load or unload request generates nothing: there is no rate in it.
    if (end.usage === undefined) return;
    const { bound, placement, others } = this.placed;
    const now = this.#now();
    const firstEventMs = (bound.firstEventAt ?? now) - bound.boundAt;
    placement.rates.learn(now, {
      usage: end.usage,
      timings: end.timings,
      promptTokens: bound.promptTokens,
      others,
      firstEventMs,
      totalMs: now - bound.boundAt,
    });
  }

  #note(outcome: AttemptRecord['outcome'], reason: string | undefined): void {
    this.record.outcome ??= outcome;
    if (reason !== undefined) this.record.reason ??= reason;
  }

  #release(outcome: AttemptRecord['outcome']): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    if (outcome === 'lost') this.#scheduler.lose(this.placed);
    else this.#scheduler.release(this.placed);
  }
}
