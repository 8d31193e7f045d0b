import { notSeated, Roster } from '@waggle/shared/collections/roster.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { BoundJob } from '../cluster/engine-lanes.ts';
import { expectedOutput, predict } from './cost.ts';
import { type Decision, toKept } from './decision.ts';
import type { HeldJob, Placed } from './held-job.ts';
import type { ServedPlacement } from './served-placement.ts';
import { toKeepUntil, toPins } from './stay.ts';

type ReservingJob = Pick<HeldJob, 'promptTokens' | 'maxTokens' | 'stream' | 'keepAliveSeconds'>;

/** The jobs that hold a lane, from the reservation until the lane is free again or lost. */
export class Reservations implements Iterable<Placed> {
  readonly #running = new Roster<Placed>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#running.size;
  }

  [Symbol.iterator](): Iterator<Placed> {
    return this.#running[Symbol.iterator]();
  }

  /** Takes a lane for the job; undefined: there is none, or the breaker lets nobody through. */
  reserve(placement: ServedPlacement, job: ReservingJob, decision: Decision): Placed | undefined {
    const settle = placement.guard.admit();
    if (settle === undefined) return undefined;
    const now = this.#clock.now();
    const others = placement.busyLanes;
    const expectedTokens = expectedOutput(placement, job);
    const bound: BoundJob = {
      served: placement.served,
      boundAt: now,
      promptTokens: job.promptTokens,
      expectedTokens,
      tokensOut: 0,
      firstEventAt: undefined,
      seat: notSeated,
    };
    const lane = placement.served.engine.lanes.bind(bound);
    if (lane === undefined) {
      settle('neutral');
      return undefined;
    }
    placement.lastBoundAt = now;
    placement.passedOver = 0;
    placement.laneless.end();
    placement.keepFor(job.keepAliveSeconds, now);
    const terms = decision.candidates[decision.chosen]?.terms;
    const pins = toPins(placement, now, job.keepAliveSeconds);
    if (pins.keepAliveSeconds !== undefined)
      placement.served.toldUntil = toKeepUntil(pins.keepAliveSeconds, Date.now());
    const placed: Placed = {
      placement,
      lane,
      decision: toKept(decision),
      bound,
      pins,
      predicted: predict(placement, job, terms),
      others,
      settle,
      seat: notSeated,
    };
    this.#running.add(placed);
    return placed;
  }

  /** The lane broke. False: it was over before. */
  lose(placed: Placed): boolean {
    if (!this.#running.delete(placed)) return false;
    placed.placement.lastEndedAt = this.#clock.now();
    placed.placement.served.engine.lanes.close(placed.lane);
    return true;
  }

  /** The lane is free again. False: it was over before. */
  release(placed: Placed): boolean {
    if (!this.#running.delete(placed)) return false;
    placed.placement.lastEndedAt = this.#clock.now();
    placed.placement.served.engine.lanes.release(placed.lane);
    return true;
  }
}
