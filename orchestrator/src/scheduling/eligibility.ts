import type { Exclusion } from './decision.ts';
import { refusedNeed } from './engine-refusals.ts';
import { type ChoosableJob, neededCtx, type Placement } from './placement.ts';

/** Why a place cannot take the job now or soon; undefined: it can. Hard reasons only, see `softExclusion`. */
export function exclusion(place: Placement, job: ChoosableJob, now: number): Exclusion | undefined {
  if (job.onlyNode !== undefined && place.node !== job.onlyNode) return 'other-node';
  if (!place.isAmongNodes) return 'not-among-nodes';
  if (refusedNeed(place, job) !== undefined) return 'incapable';
  if (place.nodeState !== 'active') return place.nodeState;
  if (place.isRejected) return 'rejected';
  if (!place.engineUp) return 'engine-down';
  if (job.tried.size > 0 && now < (job.tried.get(place) ?? 0)) return 'tried';
  if (place.breaker === 'open') return 'breaker-open';
  // Where the model is hot, a generation of our own tries it out; else one job of a user may.
  if (place.breaker === 'half-open' && (place.modelState === 'hot' || place.probing)) return 'breaker-open';
  if (now < place.restUntil) return 'resting';
  if (place.modelState !== 'hot' && place.sizeBytes > place.memoryBytes) return 'memory';
  if (job.numCtx !== undefined && place.isCtxFixed && (neededCtx(place, job) ?? 0) > (place.numCtx ?? job.numCtx))
    return 'fixed-context';
  return undefined;
}

/**
 * What a place is worse at than others may be. Where no place is better these do not count: the engine then answers
 * in its own words, as it would without us in between.
 */
export function softExclusion(place: Placement, job: ChoosableJob): Exclusion | undefined {
  const offered = place.capabilities;
  if (offered !== undefined && job.needs.length > 0 && job.needs.some((need) => !offered.includes(need)))
    return 'capability';
  if (job.numCtx !== undefined && (neededCtx(place, job) ?? 0) < job.numCtx) return 'context';
  // The token count is an estimate, so only a prompt that surely overflows is a reason.
  const room = Math.max(place.numCtx ?? 0, job.numCtx ?? 0);
  if (room > 0 && (job.promptTokens + (job.maxTokens ?? 0)) / 2 > room) return 'context';
  return undefined;
}

/** It may be out for being worse than others only. */
export function isSoft(reason: Exclusion | undefined): boolean {
  return reason === 'capability' || reason === 'context';
}

/** Nothing else keeps the job from any place. */
export function isForWantOfCapability(excluded: ReadonlySet<Exclusion>): boolean {
  for (const reason of excluded) if (reason !== 'incapable' && !isElsewhere(reason)) return false;
  return excluded.has('incapable');
}

/** The place has nothing to do with the job. */
function isElsewhere(reason: Exclusion): boolean {
  return reason === 'other-node' || reason === 'not-among-nodes';
}

/** Its operator keeps the job from every place there is. */
export function isForWantOfNode(excluded: ReadonlySet<Exclusion>): boolean {
  for (const reason of excluded) if (!isElsewhere(reason)) return false;
  return excluded.has('not-among-nodes');
}
