import type { Clock } from '../observing/clock.ts';
import { releaseMemory } from './release-memory.ts';

/** How busy a program is. */
export interface Activity {
  readonly running: number;
  /** Since the start. */
  readonly ended: number;
}

/** What comes after the start is over by the second look: threads that end, models that are written. */
const startLooksMs = [1_000, 9_000];
const lookEveryMs = 30_000;

/**
 * Starting leaves twice the memory behind that running needs, and so does a busy hour: it is given back a second and ten
 * seconds after the start, and whenever nothing ran for half a minute after something did.
 */
export function releaseWhenIdle(activity: () => Activity, clock: Clock, release: () => void = releaseMemory): void {
  let releasedAt = -1;
  const look = (seen: number, looks: number): void => {
    const isStart = looks < startLooksMs.length;
    clock.schedule(startLooksMs[looks] ?? lookEveryMs, () => {
      const { running, ended } = activity();
      if (running === 0 && ended === seen && (isStart || ended !== releasedAt)) {
        release();
        releasedAt = ended;
      }
      look(ended, looks + 1);
    });
  };
  look(0, 0);
}
