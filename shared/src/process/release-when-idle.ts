import type { Clock } from '../observing/clock.ts';
import { releaseMemory } from './release-memory.ts';

/** How busy a program is. */
export interface Activity {
  readonly running: number;
  /** Since the start. */
  readonly ended: number;
}

const firstLookMs = 1_000;
const lookEveryMs = 30_000;

/**
 * Starting leaves twice the memory behind that running needs, and so does a busy hour: it is given back a second after the
 * start, and whenever nothing ran for half a minute after something did.
 */
export function releaseWhenIdle(activity: () => Activity, clock: Clock, release: () => void = releaseMemory): void {
  let releasedAt = -1;
  const look = (seen: number, delayMs: number): void => {
    clock.schedule(delayMs, () => {
      const { running, ended } = activity();
      if (running === 0 && ended === seen && ended !== releasedAt) {
        release();
        releasedAt = ended;
      }
      look(ended, lookEveryMs);
    });
  };
  look(0, firstLookMs);
}
