import type { Clock } from '../observing/clock.ts';

/** A job that was bound and of which nothing was said yet. */
export interface UnansweredJob {
  /** Says `accepted` unless something was said in the meantime. */
  acceptIfSilent(): void;
}

/** A bind is answered after at most two ticks. */
const tickMs = 10;

/** Sees to it that no bind stays unanswered for more than 20 ms, with one timer for all jobs instead of one for each. */
export class AcceptTicker {
  readonly #clock: Clock;
  #fresh: UnansweredJob[] = [];
  #older: UnansweredJob[] = [];
  #isTicking = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  watch(job: UnansweredJob): void {
    this.#fresh.push(job);
    if (this.#isTicking) return;
    this.#isTicking = true;
    this.#clock.schedule(tickMs, this.#tick);
  }

  readonly #tick = (): void => {
    const due = this.#older;
    this.#older = this.#fresh;
    this.#fresh = [];
    this.#isTicking = this.#older.length > 0;
    if (this.#isTicking) this.#clock.schedule(tickMs, this.#tick);
    for (const job of due) job.acceptIfSilent();
  };
}
