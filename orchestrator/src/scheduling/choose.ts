import { cost } from './cost.ts';
import type { CandidateCost, Decision } from './decision.ts';
import { exclusion, softExclusion } from './eligibility.ts';
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
  readonly decision: Decision;
}

/** Candidates nearer than this are equals: the least recently used one is taken. */
const tieShare = 0.05;
const tieMs = 5;

interface Rated {
  readonly place: Placement;
  readonly index: number;
  readonly total: number;
  readonly start: number;
  readonly bindable: boolean;
}

/** Pure: reads the places, changes nothing, never logs. */
export function choose(places: readonly Placement[], job: ChoosableJob, now: number): Choice {
  const { candidates, rated } = rate(places, job, now);
  const best = cheapest(rated);
  const decide = (reason: Decision['reason'], chosen: Rated | undefined): Decision => ({
    reason,
    chosen: chosen?.index ?? -1,
    candidates,
    heldMs: Math.max(0, now - job.heldSince),
  });
  if (best === undefined)
    return { action: 'none', place: undefined, leaveBy: undefined, decision: decide('none', undefined) };
  if (best.bindable) {
    return {
      action: 'bind',
      place: best.place,
      leaveBy: undefined,
      decision: decide(job.leaveBy === undefined ? 'bound' : 'waited', best),
    };
  }
  const free = cheapest(rated.filter((candidate) => candidate.bindable));
  const cold =
    !isHotFor(best.place, job) && best.place.loadingSince === undefined && best.place.modelState !== 'loading';
  if (free === undefined) {
    return {
      action: cold ? 'load' : 'wait',
      place: best.place,
      leaveBy: undefined,
      decision: decide(cold ? 'loading' : 'waited', best),
    };
  }
  // Waiting is bounded by what it could save (ski rental), and decided once per job.
  const leaveBy = job.leaveBy ?? now + Math.max(0, free.total - (best.total - best.start));
  if (now >= leaveBy) return { action: 'bind', place: free.place, leaveBy, decision: decide('patience', free) };
  return {
    action: cold ? 'load' : 'wait',
    place: best.place,
    leaveBy,
    decision: decide(cold ? 'loading' : 'waited', best),
  };
}

function rate(
  places: readonly Placement[],
  job: ChoosableJob,
  now: number,
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
    const terms = cost(place, job, now);
    const bindable = isBindable(place, job);
    candidates.push({ ...base, bindable, terms });
    rated.push({ place, index, total: terms.total, start: Math.max(terms.load, terms.wait), bindable });
  }
  return { candidates, rated };
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
