import type { BoundJob } from '../cluster/engine-lanes.ts';
import type { CostTerms } from './decision.ts';
import { findRoom, type Room } from './eviction.ts';
import { type ChoosableJob, isHotFor, type Placement } from './placement.ts';
import { trustedSamples } from './rates.ts';
import { loadRest, remaining } from './remaining.ts';

/** Expected milliseconds of a wait count this often: it may last longer, and the free lane it passes by serves nobody. */
const waitWeight = 6;
/** Milliseconds of loading again what has to go count this often: others wait for that, and the engine does less meanwhile. */
const evictionWeight = 8;

/**
 * Expected milliseconds until the job would be done there: round trip + start + prefill + decode + risk.
 * `claims` is the number of held jobs that wait for this place and come first.
 */
export function cost(place: Placement, job: ChoosableJob, now: number, claims = 0): CostTerms {
  const { rates } = place;
  const outputTokens = expectedOutput(place, job);
  const room = findLoad(place, job, now);
  const load = room.inMs + room.loadMs;
  const wait = waitTime(place, now, claims, now - job.heldSince);
  // Loading runs beside the lanes, so the later of the two counts.
  const start = Math.max(load, wait);
  const prefill = (prefilling(place) + Math.max(1, job.promptTokens)) * rates.prefillMsPerToken;
  const decode = outputTokens * rates.decodeMsPerToken(place.busyLanes);
  const risk =
    rates.errorRate * (prefill + decode) +
    0.5 * Math.min(rates.deviationMs, prefill + decode) +
    (waitWeight - 1) * Math.max(wait, room.inMs) +
    evictionWeight * room.costMs;
  const total = place.rttMs + start + prefill + decode + risk;
  return { rtt: place.rttMs, load, wait, prefill, decode, risk, total };
}

/** Expected milliseconds from the bind to the first event (to the end, if the answer is not streamed). */
function timeToFirstEvent(job: Pick<ChoosableJob, 'stream'>, terms: CostTerms): number {
  return terms.rtt + terms.prefill + (job.stream ? 0 : terms.decode);
}

/** Expected milliseconds from the bind. */
export interface Prediction {
  readonly firstEventMs: number;
  readonly totalMs: number;
  /** Enough was measured to make it a deadline. */
  readonly trusted: boolean;
}

/** From the terms it was chosen by; without any, what jobs there usually take. */
export function predict(place: Placement, job: Pick<ChoosableJob, 'stream'>, terms: CostTerms | undefined): Prediction {
  const totalMs = terms === undefined ? place.rates.serviceMs : terms.rtt + terms.prefill + terms.decode;
  const firstEventMs = terms === undefined ? totalMs : timeToFirstEvent(job, terms);
  return { firstEventMs, totalMs, trusted: place.rates.samples >= trustedSamples };
}

export function expectedOutput(place: Placement, job: Pick<ChoosableJob, 'maxTokens'>): number {
  const usual = place.rates.outputTokens;
  return job.maxTokens === undefined || job.maxTokens < 0 ? usual : Math.min(usual, job.maxTokens);
}

function findLoad(place: Placement, job: ChoosableJob, now: number): Load {
  const rest = loadRest(place, now);
  if (rest > 0) return { ...hot, loadMs: rest };
  if (isHotFor(place, job)) return hot;
  const { loadMs } = place.rates;
  return place.modelState === 'hot' ? { ...hot, loadMs } : { ...findRoom(place, now), loadMs };
}

interface Load extends Pick<Room, 'inMs' | 'costMs'> {
  readonly loadMs: number;
}

const hot: Load = { inMs: 0, loadMs: 0, costMs: 0 };

/** Uncached prompt tokens of jobs that have no first event yet: they are computed before ours. */
function prefilling(place: Placement): number {
  let tokens = 0;
  if (place.running.size === 0) return tokens;
  for (const job of place.running) if (job.firstEventAt === undefined) tokens += job.promptTokens;
  return tokens;
}

/**
 * 0 where a lane is free for the model, else until so many jobs ended that one is, after those that come first. A place whose lanes
 * are not open yet may take as long again as the job waited already.
 */
function waitTime(place: Placement, now: number, claims: number, heldMs: number): number {
  const ofModel = place.parallel - place.running.size - place.foreignJobs;
  const free = Math.max(0, Math.min(place.idleLanes, ofModel));
  if (claims < free) return 0;
  const isModelFull = ofModel <= place.idleLanes;
  const count = isModelFull ? place.running.size : place.busyLanes;
  // Foreign jobs fill it; or it has no lanes.
  if (count === 0) return isModelFull ? (claims - free + 1) * place.rates.serviceMs : heldMs;
  const jobs = isModelFull ? place.running : place.busyJobs();
  const before = claims - free;
  if (before === 0) return shortestRest(place, jobs, now);
  const rests: number[] = [];
  for (const job of jobs) rests.push(remaining(place, job, now));
  rests.sort((a, b) => a - b);
  return (rests[before % count] ?? 0) + Math.floor(before / count) * place.rates.serviceMs;
}

function shortestRest(place: Placement, jobs: Iterable<BoundJob>, now: number): number {
  let shortest = Number.POSITIVE_INFINITY;
  for (const job of jobs) shortest = Math.min(shortest, remaining(place, job, now));
  return shortest;
}
