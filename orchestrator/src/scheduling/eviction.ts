import type { ChoosableJob, Placement } from './placement.ts';
import { loadRest, remaining } from './remaining.ts';

/** Where two models want one place, each stays at least this long, and twice as long as it takes to load. */
const fairShareMs = 30_000;
/** One that was not used for a quarter of the time it takes to load goes sooner. */
const idleShare = 0.25;
/** A model that was not used for this long is half as likely to be missed. */
const missedHalfLifeMs = 60_000;

/** What it takes until a cold model could begin to load. */
export interface Room {
  /** Milliseconds until it can begin. */
  readonly inMs: number;
  /** The model that has to go for it. */
  readonly victim: Placement | undefined;
  /** What its loss costs: the time to load it again, as far as it is likely to be used again. */
  readonly costMs: number;
}

const free: Room = { inMs: 0, victim: undefined, costMs: 0 };

/** One load at a time for each engine; a model with jobs is never a victim; of the others the least recently used one is. */
export function findRoom(place: Placement, now: number): Room {
  let loadingMs = 0;
  for (const neighbour of place.neighbours()) loadingMs = Math.max(loadingMs, loadRest(neighbour, now));
  if (place.hasRoom(now)) return loadingMs === 0 ? free : { ...free, inMs: loadingMs };
  let best: Room | undefined;
  let bestUsedAt = 0;
  for (const neighbour of place.neighbours()) {
    const inMs = Math.max(loadingMs, evictableIn(neighbour, now));
    if (best !== undefined && (inMs > best.inMs || (inMs === best.inMs && neighbour.lastBoundAt >= bestUsedAt)))
      continue;
    best = { inMs, victim: neighbour, costMs: missedCost(neighbour, now) };
    bestUsedAt = neighbour.lastBoundAt;
  }
  return best ?? free;
}

function evictableIn(place: Placement, now: number): number {
  const idleFrom = Math.max(place.residentSince ?? 0, place.lastEndedAt) + idleShare * place.rates.loadMs;
  let inMs = Math.max(0, Math.min(idleFrom, stayEndsAt(place)) - now);
  for (const job of place.running) inMs = Math.max(inMs, 1, remaining(place, job, now));
  return inMs;
}

function stayEndsAt(place: Placement): number {
  return (place.residentSince ?? 0) + Math.max(fairShareMs, 2 * place.rates.loadMs);
}

/** When a model with jobs has had its share, and one that is waited for comes first: from then on nothing new is bound to it. */
export function fairShareEndsAt(victim: Placement, job: Pick<ChoosableJob, 'heldSince'>): number {
  return Math.max(stayEndsAt(victim), job.heldSince + fairShareMs);
}

function missedCost(place: Placement, now: number): number {
  return place.rates.loadMs * 0.5 ** ((now - place.lastBoundAt) / missedHalfLifeMs);
}
