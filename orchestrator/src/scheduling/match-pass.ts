import type { HeldJob } from './held-job.ts';
import type { HoldQueue } from './hold-queue.ts';
import type { Placement } from './placement.ts';

/** Of each line, no more jobs are passed over in one pass. */
const window = 64;

/**
 * One look over the hold queue, line by line in order. A job that waits for a busy place though others are free is passed over:
 * it claims that place, so that those after it see a longer wait there and some will rather take a slower free one. Neighbours
 * are alike, so ever more of them are passed over at a time: a long queue costs a few looks, not one for each job.
 */
export class MatchPass implements Disposable {
  /** How many waiting jobs claim a place. */
  readonly claims = new Map<Placement, number>();
  readonly #queue: HoldQueue<HeldJob>;
  readonly #blocked = new Set<string>();
  readonly #passedOver = new Map<string, { count: number; step: number }>();

  constructor(queue: HoldQueue<HeldJob>) {
    this.#queue = queue;
  }

  next(): HeldJob | undefined {
    return this.#queue.best(this.#blocked);
  }

  /** None of its line can be placed. */
  block(job: HeldJob): void {
    this.#blocked.add(job.line);
  }

  /** The job waits for `place`; the next ones after it do as it does. */
  passOver(job: HeldJob, place: Placement): void {
    const passed = this.#passedOver.get(job.line) ?? { count: 0, step: 1 };
    this.#queue.setAside(job.line, passed.step);
    this.claims.set(place, (this.claims.get(place) ?? 0) + passed.step);
    const count = passed.count + passed.step;
    this.#passedOver.set(job.line, { count, step: passed.step * 2 });
    if (count >= window) this.#blocked.add(job.line);
  }

  /** The job went: the one behind it is looked at for itself. */
  placed(job: HeldJob): void {
    const passed = this.#passedOver.get(job.line);
    if (passed !== undefined) passed.step = 1;
  }

  [Symbol.dispose](): void {
    this.#queue.restore();
  }
}
