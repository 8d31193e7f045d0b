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
