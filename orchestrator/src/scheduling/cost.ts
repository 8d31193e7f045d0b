import type { BoundJob } from '../cluster/engine-lanes.ts';
import type { CostTerms } from './decision.ts';
import { type ChoosableJob, isHotFor, type Placement } from './placement.ts';

/** Expected milliseconds until the job would be done there: round trip + start + prefill + decode + risk. */
export function cost(place: Placement, job: ChoosableJob, now: number): CostTerms {
  const { rates } = place;
  const outputTokens = expectedOutput(place, job);
  const load = loadTime(place, job, now);
  const wait = waitTime(place, now);
  // Loading runs beside the lanes, so the later of the two counts.
  const start = Math.max(load, wait);
  const prefill = (prefilling(place) + Math.max(1, job.promptTokens)) * rates.prefillMsPerToken;
  const decode = outputTokens * rates.decodeMsPerToken(place.busyLanes);
  const risk = rates.errorRate * (prefill + decode) + 0.5 * rates.deviationMs;
  const total = place.rttMs + start + prefill + decode + risk;
  return { rtt: place.rttMs, load, wait, prefill, decode, risk, total };
}

/** Expected milliseconds from the bind to the first event (to the end, if the answer is not streamed). */
export function timeToFirstEvent(job: Pick<ChoosableJob, 'stream'>, terms: CostTerms): number {
  return terms.rtt + terms.prefill + (job.stream ? 0 : terms.decode);
}

export function expectedOutput(place: Placement, job: Pick<ChoosableJob, 'maxTokens'>): number {
  const usual = place.rates.outputTokens;
  return job.maxTokens === undefined || job.maxTokens < 0 ? usual : Math.min(usual, job.maxTokens);
}

function loadTime(place: Placement, job: ChoosableJob, now: number): number {
  if (place.loadingSince !== undefined) return Math.max(0, place.loadingSince + place.rates.loadMs - now);
  if (place.modelState === 'loading') return place.rates.loadMs / 2;
  return isHotFor(place, job) ? 0 : place.rates.loadMs;
}

/** Uncached prompt tokens of jobs that have no first event yet: they are computed before ours. */
function prefilling(place: Placement): number {
  let tokens = 0;
  for (const job of place.running) if (job.firstEventAt === undefined) tokens += job.promptTokens;
  return tokens;
}

/** 0 where a lane is free for the model, else until the first of the jobs ends whose end makes one free. */
function waitTime(place: Placement, now: number): number {
  if (place.running.size + place.foreignJobs >= place.parallel) {
    return place.running.size === 0 ? place.rates.serviceMs : shortestRest(place, place.running, now);
  }
  if (place.idleLanes > 0) return 0;
  return place.busyLanes === 0 ? 0 : shortestRest(place, place.busyJobs(), now);
}

function shortestRest(place: Placement, jobs: Iterable<BoundJob>, now: number): number {
  let shortest = Number.POSITIVE_INFINITY;
  for (const job of jobs) shortest = Math.min(shortest, remaining(place, job, now));
  return Number.isFinite(shortest) ? shortest : 0;
}

/** Predicted milliseconds until a running job ends, from the tokens seen on its lane. */
export function remaining(place: Placement, job: BoundJob, now: number): number {
  const { rates } = place;
  const perToken = rates.decodeMsPerToken(place.busyLanes);
  if (job.firstEventAt === undefined) {
    return (
      Math.max(0, job.promptTokens * rates.prefillMsPerToken - (now - job.boundAt)) + job.expectedTokens * perToken
    );
  }
  const left = job.tokensOut < job.expectedTokens ? job.expectedTokens - job.tokensOut : Math.max(8, job.tokensOut / 2);
  return left * perToken;
}
