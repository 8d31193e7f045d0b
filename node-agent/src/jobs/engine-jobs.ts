import type { DeclineReason, JobEnd, JobFailure, JobHeader, Priority } from '@waggle/shared/cluster/job.ts';
import { notSeated, Roster, type RosterMember } from '@waggle/shared/collections/roster.ts';
import type { JobOutput, RunningJob } from '@waggle/shared/lane-link/node-host.ts';
import PQueue from 'p-queue';
import { JobCounter, type JobCounts } from './job-counts.ts';

/** Starts a job on its engine. */
export type StartJob = (job: JobHeader, body: Uint8Array, output: JobOutput) => RunningJob;

const queuePriority: Readonly<Record<Priority, number>> = { high: 2, normal: 1, low: 0 };

/**
 * The jobs of one engine: reserve, queue, run. A place is reserved before a job is queued, so with correct lanes nothing ever
 * waits here. The queue is given no time limit and no signal: a slot is free when the engine stopped, not before.
 *
 * Invariant: reserved = running + waiting <= slots at the time of reserving.
 */
export class EngineJobs {
  readonly #start: StartJob;
  readonly #changed: () => void;
  readonly #queue = new PQueue({ concurrency: 1 });
  #slots = 0;
  readonly #jobs = new Roster<QueuedJob>();
  /** Engines that have not stopped are waited for no more. */
  #isCut = false;
  #peak = 0;
  #idle: (() => void)[] = [];
  readonly #counter = new JobCounter();

  constructor(start: StartJob, changed: () => void) {
    this.#start = start;
    this.#changed = changed;
  }

  get slots(): number {
    return this.#slots;
  }

  get reserved(): number {
    return this.#jobs.size;
  }

  /** Jobs that are queued and not begun: more than 0 means that the lanes are wrong. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** Most places that were reserved at once since this was last called. */
  takePeak(): number {
    const peak = this.#peak;
    this.#peak = this.reserved;
    return peak;
  }

  get counts(): JobCounts {
    return this.#counter;
  }

  /** Running jobs keep their places when there are fewer slots. */
  resize(slots: number): void {
    if (slots === this.#slots) return;
    this.#slots = slots;
    this.#queue.concurrency = Math.max(1, slots);
    this.#changed();
  }

  run(job: JobHeader, body: Uint8Array, output: JobOutput): RunningJob {
    if (this.reserved >= this.#slots) {
      this.#counter.countDecline();
      return decline(output, 'no-slot');
    }
    const queued = new QueuedJob(job, body, output, this.#start, (end) => this.#release(queued, end));
    this.#jobs.add(queued);
    this.#peak = Math.max(this.#peak, this.reserved);
    this.#changed();
    // What could be thrown has been given to the output as the job's failure.
    void this.#queue.add(() => queued.begin(), { priority: queuePriority[job.priority] });
    return queued;
  }

  /** Ends every job with this reason. It is told at once: whether their engines stop is waited for no more. */
  cut(failure: JobFailure): void {
    this.#isCut = true;
    this.#jobs.each((job) => job.cut(failure));
    this.#settle();
  }

  /** Resolves when nothing runs here, or all was cut. */
  settled(): Promise<void> {
    if (this.#isSettled) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  get #isSettled(): boolean {
    return this.#isCut || this.reserved === 0;
  }

  #release(job: QueuedJob, end: JobEnd): void {
    this.#jobs.delete(job);
    this.#counter.countEnd(end);
    this.#changed();
    this.#settle();
  }

  #settle(): void {
    if (this.#isSettled && this.#idle.length > 0) for (const resolve of this.#idle.splice(0)) resolve();
  }
}

/** Says no, after the caller's own call. */
export function decline(output: JobOutput, reason: DeclineReason): RunningJob {
  queueMicrotask(() => output.declined(reason));
  return { cancel() {}, resume() {} };
}

class QueuedJob implements RunningJob, RosterMember {
  seat = notSeated;
  readonly #job: JobHeader;
  /** Let go of when the engine has it. */
  #body: Uint8Array | undefined;
  readonly #output: JobOutput;
  readonly #start: StartJob;
  readonly #release: (end: JobEnd) => void;
  #running: RunningJob | undefined;
  #isCancelled = false;
  /** Its end was told before the engine's. */
  #isCut = false;

  constructor(job: JobHeader, body: Uint8Array, output: JobOutput, start: StartJob, release: (end: JobEnd) => void) {
    this.#job = job;
    this.#body = body;
    this.#output = output;
    this.#start = start;
    this.#release = release;
  }

  /** Resolves when the job has ended. */
  begin(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const output: JobOutput = {
      declined: (reason) => this.#output.declined(reason),
      batch: (batch) => this.#isCut || this.#output.batch(batch),
      ended: (end) => {
        resolve();
        this.#end(end);
      },
    };
    if (this.#isCancelled) output.ended({ outcome: 'cancelled' });
    else if (this.#body !== undefined) this.#running = this.#start(this.#job, this.#body, output);
    this.#body = undefined;
    return promise;
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#running?.cancel();
  }

  cut(failure: JobFailure): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#output.ended({ outcome: 'cancelled', failure });
    this.cancel();
  }

  resume(): void {
    this.#running?.resume();
  }

  #end(end: JobEnd): void {
    this.#release(end);
    if (!this.#isCut) this.#output.ended(end);
  }
}
