import { Roster, type RosterMember } from '@waggle/shared/collections/roster.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';

export interface Watched extends RosterMember {
  check(now: number): void;
}

/** Deadlines are seconds; one sweep for all requests costs less than a timer for each. */
const sweepMs = 250;

/** Looks at every running request a few times a second, as long as there are any. */
export class Watchdog {
  readonly #clock: Clock;
  readonly #watched = new Roster<Watched>();
  #isSweeping = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  watch(watched: Watched): void {
    this.#watched.add(watched);
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    this.#clock.schedule(sweepMs, this.#sweep);
  }

  forget(watched: Watched): void {
    this.#watched.delete(watched);
  }

  readonly #sweep = (): void => {
    const now = this.#clock.now();
    this.#watched.each((watched) => watched.check(now));
    this.#isSweeping = this.#watched.size > 0;
    if (this.#isSweeping) this.#clock.schedule(sweepMs, this.#sweep);
  };
}
