import { cost } from './cost.ts';
import type { CandidateCost, Decision } from './decision.ts';
import { exclusion, softExclusion } from './eligibility.ts';
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

interface Rated {
  readonly place: Placement;
  readonly index: number;
  readonly total: number;
  /** Milliseconds from the moment it starts there. */
  readonly work: number;
  readonly bindable: boolean;
  /** It could begin to load the model now. */
  readonly loadable: boolean;
}

/** Pure: reads the places, changes nothing, never logs. */
export function choose(
  places: readonly Placement[],
  job: ChoosableJob,
  now: number,
  claims: Claims = noClaims,
): Choice {
  const { candidates, rated } = rate(places, job, now, claims);
  const best = cheapest(rated);
  const decide = (reason: Decision['reason'], chosen: Rated | undefined): Decision => ({
    reason,
    chosen: chosen?.index ?? -1,
    candidates,
    heldMs: Math.max(0, now - job.heldSince),
  });
  if (best === undefined) {
    const decision = decide('none', undefined);
    return { action: 'none', place: undefined, leaveBy: undefined, isOpen: false, decision };
  }
  if (best.bindable) {
    const forgotten = rated.find((candidate) => isForgotten(candidate, best));
    const reason = job.leaveBy === undefined ? 'bound' : 'waited';
    return {
      action: 'bind',
      place: (forgotten ?? best).place,
      leaveBy: undefined,
      isOpen: true,
      decision: forgotten === undefined ? decide(reason, best) : decide('explored', forgotten),
    };
  }
  const free = cheapest(rated.filter((candidate) => candidate.bindable));
  const cold = best.loadable;
  if (free === undefined) {
    return {
      action: cold ? 'load' : 'wait',
      place: best.place,
      leaveBy: undefined,
      isOpen: rated.some((candidate) => candidate.loadable),
      decision: decide(cold ? 'loading' : 'waited', best),
    };
  }
  // Waiting is bounded by what it could save (ski rental), and decided once per job.
  const leaveBy = job.leaveBy ?? now + Math.max(0, free.work - best.work);
  if (now >= leaveBy)
    return { action: 'bind', place: free.place, leaveBy, isOpen: true, decision: decide('patience', free) };
  return {
    action: cold ? 'load' : 'wait',
    place: best.place,
    leaveBy,
    isOpen: true,
    decision: decide(cold ? 'loading' : 'waited', best),
  };
}

function rate(
  places: readonly Placement[],
  job: ChoosableJob,
  now: number,
  claims: Claims,
): { candidates: CandidateCost[]; rated: Rated[] } {
  const hard = places.map((place) => exclusion(place, job, now));
  const soft = places.map((place, index) => (hard[index] === undefined ? softExclusion(place, job) : undefined));
  const hasBetter = places.some((_, index) => hard[index] === undefined && soft[index] === undefined);
  const candidates: CandidateCost[] = [];
  const rated: Rated[] = [];
  for (const [index, place] of places.entries()) {
    const excluded = hard[index] ?? (hasBetter ? soft[index] : undefined);
    const base = { node: place.node, engineId: place.engineId, model: place.model, prior: place.rates.samples === 0 };
    if (excluded !== undefined) {
      candidates.push({ ...base, excluded, bindable: false });
      continue;
    }
    const terms = cost(place, job, now, claims.get(place));
    const bindable = isBindable(place, job);
    candidates.push({ ...base, bindable, terms });
    const loadable = isLoadable(place, job, now);
    const work = terms.rtt + terms.prefill + terms.decode;
    rated.push({ place, index, total: terms.total, work, bindable, loadable });
  }
  return { candidates, rated };
}

function isLoadable(place: Placement, job: ChoosableJob, now: number): boolean {
  if (isHotFor(place, job) || place.loadingSince !== undefined || place.modelState === 'loading') return false;
  return place.modelState === 'hot' || findRoom(place, now).inMs === 0;
}

/** Passed over so often that what is believed of it is old, and not so much dearer that finding out would hurt. */
function isForgotten(candidate: Rated, best: Rated): boolean {
  return (
    candidate.place.passedOver >= exploreEvery && candidate.bindable && candidate.total <= best.total * exploreAtMost
  );
}

function cheapest(rated: readonly Rated[]): Rated | undefined {
  let lowest = Number.POSITIVE_INFINITY;
  for (const candidate of rated) lowest = Math.min(lowest, candidate.total);
  const limit = Math.max(lowest * (1 + tieShare), lowest + tieMs);
  let best: Rated | undefined;
  for (const candidate of rated) {
    if (candidate.total > limit) continue;
    if (best === undefined || isBetterOfEquals(candidate, best)) best = candidate;
  }
  return best;
}

/** Among equals: one that is free now, then the one not used for longest; never by position. */
function isBetterOfEquals(a: Rated, b: Rated): boolean {
  if (a.bindable !== b.bindable) return a.bindable;
  return a.place.lastBoundAt < b.place.lastBoundAt;
}
