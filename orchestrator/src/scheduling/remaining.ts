import type { BoundJob } from '../cluster/engine-lanes.ts';
import type { Placement } from './placement.ts';

/** Predicted milliseconds until a running job ends, from the tokens seen on its lane. */
export function remaining(place: Placement, job: BoundJob, now: number): number {
  const { rates } = place;
  const perToken = rates.decodeMsPerToken(Math.max(0, place.busyLanes - 1));
  if (job.firstEventAt === undefined) {
    return (
      Math.max(0, job.promptTokens * rates.prefillMsPerToken - (now - job.boundAt)) + job.expectedTokens * perToken
    );
  }
  const left = job.tokensOut < job.expectedTokens ? job.expectedTokens - job.tokensOut : Math.max(8, job.tokensOut / 2);
  return left * perToken;
}

/** Predicted milliseconds until a load that is under way is done; 0: none is. */
export function loadRest(place: Placement, now: number): number {
  if (place.loadingSince !== undefined) return Math.max(1, place.loadingSince + place.rates.loadMs - now);
  return place.modelState === 'loading' ? place.rates.loadMs / 2 : 0;
}

/** Predicted milliseconds until a queue of so many jobs has room again. */
export function predictDrain(
  running: Iterable<{ readonly placement: Placement; readonly bound: BoundJob }> & { readonly size: number },
  held: number,
  now: number,
): number {
  if (running.size === 0) return leastDrainMs;
  let total = 0;
  let soonest = Number.POSITIVE_INFINITY;
  for (const { placement, bound } of running) {
    const expected = remaining(placement, bound, now);
    const left = placement.rates.samples === 0 ? Math.min(guessedMostMs, expected) : expected;
    total += left;
    soonest = Math.min(soonest, left);
  }
  const mean = total / running.size;
  return Math.min(mostDrainMs, Math.max(leastDrainMs, soonest + (held / running.size) * mean));
}

/** What is expected of a place that nobody has tried may be wrong by far: who comes too soon is told again, who stays away is lost. */
const guessedMostMs = 5_000;
const leastDrainMs = 1_000;
const mostDrainMs = 300_000;
