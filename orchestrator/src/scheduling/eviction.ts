import type { Placement } from './placement.ts';
import { loadRest, remaining } from './remaining.ts';

/** A model stays resident at least this long, and twice as long as it took to load: else models take turns in being loaded. */
const leastStayMs = 30_000;
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
  if (place.hasRoom()) return loadingMs === 0 ? free : { ...free, inMs: loadingMs };
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
  const stayMs = Math.max(leastStayMs, 2 * place.rates.loadMs);
  let inMs = place.residentSince === undefined ? 0 : Math.max(0, place.residentSince + stayMs - now);
  for (const job of place.running) inMs = Math.max(inMs, 1, remaining(place, job, now));
  return inMs;
}

function missedCost(place: Placement, now: number): number {
  return place.rates.loadMs * 0.5 ** ((now - place.lastBoundAt) / missedHalfLifeMs);
}
