import { cost } from './cost.ts';
import type { CandidateCost, Decision, Exclusion } from './decision.ts';
import { exclusion, isSoft, softExclusion } from './eligibility.ts';
import { findRoom } from './eviction.ts';
import { type ChoosableJob, isBindable, isHotFor, type Placement } from './placement.ts';

/**
 * What to do with a job now. `bind`: a lane there is to be taken this instant. `load`: the model must become resident there
 * first, the job stays held. `wait`: the best place is busy; no later than `leaveBy` (if a free place exists) the job takes
 * that. `none`: no place is eligible.
 */
export interface Choice {
  readonly action: 'bind' | 'load' | 'wait' | 'none';
  readonly place: Placement | undefined;
  readonly leaveBy: number | undefined;
  /** While this job waits, a later one may go elsewhere: a lane is free, or a model could be loaded. */
  readonly isOpen: boolean;
  readonly decision: Decision;
}

/** Held jobs that wait for a place, by place: who comes after them waits longer there. */
export type Claims = ReadonlyMap<Placement, number>;

export const noClaims: Claims = new Map();

/** Candidates nearer than this are equals: the least recently used one is taken. */
const tieShare = 0.05;
const tieMs = 5;

/** One job in so many goes to a place that was free and never taken: without it a place that was slow once is never tried again. */
const exploreEvery = 50;
/** It may cost so many times what the cheapest would. */
const exploreAtMost = 3;

/** Pure: reads the places, changes nothing, never logs. */
export function choose(
  places: readonly Placement[],
  job: ChoosableJob,
  now: number,
  claims: Claims = noClaims,
): Choice {
  const candidates = rate(places, job, now, claims);
  const decide = (reason: Decision['reason'], chosen: number): Decision => ({
    reason,
    chosen,
    candidates,
    heldMs: Math.max(0, now - job.heldSince),
  });
  const bestAt = cheapest(places, candidates, false);
  const best = places[bestAt];
  if (best === undefined)
    return { action: 'none', place: best, leaveBy: undefined, isOpen: false, decision: decide('none', -1) };
  if (candidates[bestAt]?.bindable === true) {
    const forgottenAt = findForgotten(places, candidates, bestAt);
    const forgotten = places[forgottenAt];
    if (forgotten !== undefined) {
      const decision = decide('explored', forgottenAt);
      return { action: 'bind', place: forgotten, leaveBy: undefined, isOpen: true, decision };
    }
    const decision = decide(job.leaveBy === undefined ? 'bound' : 'waited', bestAt);
    return { action: 'bind', place: best, leaveBy: undefined, isOpen: true, decision };
  }
  const action = isLoadable(best, job, now) ? 'load' : 'wait';
  const waiting = decide(action === 'load' ? 'loading' : 'waited', bestAt);
  const freeAt = cheapest(places, candidates, true);
  const free = places[freeAt];
  if (free === undefined) {
    const isOpen = places.some((place, at) =>
      // A shorter prompt may fit where this one does not.
      isEligible(candidates[at]) ? isLoadable(place, job, now) : candidates[at]?.excluded === 'context',
    );
    return { action, place: best, leaveBy: undefined, isOpen, decision: waiting };
  }
  // Waiting is bounded by what it could save (ski rental), and decided once per job.
  const saved = workMs(candidates[freeAt]) - workMs(candidates[bestAt]);
  const leaveBy = job.leaveBy ?? now + Math.max(0, saved);
  if (now >= leaveBy)
    return { action: 'bind', place: free, leaveBy, isOpen: true, decision: decide('patience', freeAt) };
  return { action, place: best, leaveBy, isOpen: true, decision: waiting };
}

function rate(places: readonly Placement[], job: ChoosableJob, now: number, claims: Claims): CandidateCost[] {
  const toCandidate = (place: Placement, excluded: Exclusion | undefined): CandidateCost => {
    const { node, engineId, model } = place;
    const prior = place.rates.samples === 0;
    if (excluded !== undefined) return { node, engineId, model, prior, bindable: false, excluded, terms: undefined };
    const terms = cost(place, job, now, claims.size === 0 ? 0 : claims.get(place));
    return { node, engineId, model, prior, bindable: isBindable(place, job), excluded, terms };
  };
  const candidates = places.map((place) => toCandidate(place, exclusion(place, job, now) ?? softExclusion(place, job)));
  if (candidates.some(isEligible)) return candidates;
  // What a place is worse at counts only where another is better.
  return candidates.map((candidate, at) => {
    const place = places[at];
    return place !== undefined && isSoft(candidate.excluded) ? toCandidate(place, undefined) : candidate;
  });
}

function isEligible(candidate: CandidateCost | undefined): boolean {
  return candidate?.terms !== undefined;
}

/** Milliseconds from the moment it starts there. */
function workMs(candidate: CandidateCost | undefined): number {
  const { terms } = candidate ?? {};
  return terms === undefined ? 0 : terms.rtt + terms.prefill + terms.decode;
}

function isLoadable(place: Placement, job: ChoosableJob, now: number): boolean {
  if (isHotFor(place, job) || place.loadingSince !== undefined || place.modelState === 'loading') return false;
  return place.modelState === 'hot' || findRoom(place, now).inMs === 0;
}

/** Passed over so often that what is believed of it is old, and not so much dearer that finding out would hurt; -1: none. */
function findForgotten(places: readonly Placement[], candidates: readonly CandidateCost[], bestAt: number): number {
  const limit = (candidates[bestAt]?.terms?.total ?? 0) * exploreAtMost;
  return places.findIndex((place, at) => {
    if (place.passedOver < exploreEvery) return false;
    const candidate = candidates[at];
    return candidate?.terms !== undefined && candidate.bindable && candidate.terms.total <= limit;
  });
}

/** Index of the cheapest eligible place, or of the cheapest that is free; -1: there is none. */
function cheapest(places: readonly Placement[], candidates: readonly CandidateCost[], onlyFree: boolean): number {
  const totalOf = ({ terms, bindable }: CandidateCost) =>
    terms === undefined || (onlyFree && !bindable) ? Number.POSITIVE_INFINITY : terms.total;
  let lowest = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) lowest = Math.min(lowest, totalOf(candidate));
  if (lowest === Number.POSITIVE_INFINITY) return -1;
  const limit = Math.max(lowest * (1 + tieShare), lowest + tieMs);
  let best = -1;
  for (let at = 0; at < candidates.length; at++) {
    const candidate = candidates[at];
    if (candidate === undefined || totalOf(candidate) > limit) continue;
    if (best < 0 || isBetterOfEquals(places, candidates, at, best)) best = at;
  }
  return best;
}

/** Among equals: one that is free now, then the one not used for longest; never by position. */
function isBetterOfEquals(
  places: readonly Placement[],
  candidates: readonly CandidateCost[],
  a: number,
  b: number,
): boolean {
  const isFree = candidates[a]?.bindable === true;
  if (isFree !== candidates[b]?.bindable) return isFree;
  return (places[a]?.lastBoundAt ?? 0) < (places[b]?.lastBoundAt ?? 0);
}
