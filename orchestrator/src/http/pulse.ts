import { Roster, type RosterMember } from '@waggle/shared/collections/roster.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';

/** Something that is looked at from time to time. */
export interface Watched extends RosterMember {
  beat(): void;
}

/**
 * One timer for everything that waits: members are told of each beat and compare counts, so that watching a request
 * costs no timer and no look at the clock. What is measured with it is exact to one period.
 */
export class Pulse {
  readonly periodMs: number;
  readonly #clock: Clock;
  readonly #members = new Roster<Watched>();
  #beats = 0;
  #stop: () => void;

  constructor(clock: Clock, periodMs: number) {
    this.#clock = clock;
    this.periodMs = periodMs;
    this.#stop = clock.schedule(periodMs, () => this.#beat());
  }

  /** Beats so far. */
  get beats(): number {
    return this.#beats;
  }

  /** At least this long ago was beat `since`; at most one period more. */
  elapsedMs(since: number): number {
    return (this.#beats - since - 1) * this.periodMs;
  }

  join(member: Watched): void {
    this.#members.add(member);
  }

  leave(member: Watched): void {
    this.#members.delete(member);
  }

  stop(): void {
    this.#stop();
  }

  #beat(): void {
    this.#beats++;
    this.#stop = this.#clock.schedule(this.periodMs, () => this.#beat());
    this.#members.each((member) => member.beat());
  }
}
