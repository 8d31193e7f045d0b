import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { Exclusion } from './decision.ts';
import { exclusion } from './eligibility.ts';
import type { HeldJob } from './held-job.ts';
import { toNoPlaceError } from './refusals.ts';
import type { ServedPlacement } from './served-placement.ts';

/** A job that nothing can take now, though something could a moment ago, is held this long. */
const strandedMaxMs = 10_000;
/**
 * A job without a deadline waits this long in all for places that asked for a pause (429): what is over so soon is cheaper waited
 * for than sent again. Clients that hear of a longer one keep to its Retry-After, or go elsewhere.
 */
const pauseMaxMs = 5_000;

/** Held, and looked at again at `lookAt`; or refused. */
export type StrandVerdict =
  | { readonly lookAt: number; readonly opensLater: boolean; readonly error?: undefined }
  | { readonly error: ClusterError };

interface StrandedLine {
  readonly since: number;
  /** When the first of its places opens, as far as that is known. */
  readonly opensAt: number;
}

interface Opening {
  /** Infinite: no place opens by itself. */
  readonly at: number;
  readonly place: ServedPlacement | undefined;
  /** Some place asked for a pause; otherwise the places failed this job alone. */
  readonly isPause: boolean;
}

/** Lines of the hold queue of which no place can take a job now, and how long that may last. */
export class StrandedLines {
  readonly #lines = new Map<string, StrandedLine>();

  get size(): number {
    return this.#lines.size;
  }

  has(line: string): boolean {
    return this.#lines.has(line);
  }

  forget(line: string): void {
    this.#lines.delete(line);
  }

  clear(): void {
    this.#lines.clear();
  }

  /**
   * `excluded`: why each of `places`, which are all that have one of the job's models, cannot take it. `opensLater`: its line
   * has to wait longer than was known, which may be too long for others of it.
   */
  judge(
    job: HeldJob,
    places: readonly ServedPlacement[],
    excluded: ReadonlySet<Exclusion>,
    now: number,
  ): StrandVerdict {
    const opening = findOpening(job, places, now);
    const known = this.#lines.get(job.line);
    const since = known?.since ?? now;
    const isPause = !mayReturn(excluded, opening);
    // A new job among old ones has its time, too.
    const giveUpAt = isPause ? patienceEndsAt(job, opening, now) : Math.max(since, job.heldSince) + strandedMaxMs;
    const isHeld = isPause ? opening.at <= giveUpAt : now < giveUpAt;
    if (!isHeld) return { error: toError(job, places, excluded, opening, now) };
    this.#lines.set(job.line, { since, opensAt: opening.at });
    const opensLater = isPause && opening.at > (known?.opensAt ?? now);
    return { lookAt: Math.min(giveUpAt, opening.at), opensLater };
  }
}

/** What may change by itself at any moment. Where others asked for a pause, a place that is gone is not counted on. */
function mayReturn(excluded: ReadonlySet<Exclusion>, { isPause, at }: Opening): boolean {
  if (excluded.has('suspect')) return true;
  if (isPause) return false;
  return Number.isFinite(at) || excluded.has('left') || excluded.has('engine-down') || excluded.has('draining');
}

/** How long the job may wait for a pause to end; not at all where there is none. */
function patienceEndsAt(job: HeldJob, { isPause }: Opening, now: number): number {
  if (!isPause) return Number.NEGATIVE_INFINITY;
  job.pausedSince ??= now;
  return job.deadlineAt ?? job.pausedSince + pauseMaxMs;
}

/** A closed breaker opens only when its rest is over and a probe went well: that is no time to wait for. */
function findOpening(job: HeldJob, places: readonly ServedPlacement[], now: number): Opening {
  let at = Number.POSITIVE_INFINITY;
  let first: ServedPlacement | undefined;
  let isPause = false;
  for (const place of places) {
    const reason = exclusion(place, job, now);
    if ((reason !== 'tried' && reason !== 'resting') || place.breaker === 'open') continue;
    const opensAt = Math.max(place.restUntil, job.tried.get(place) ?? 0);
    if (!Number.isFinite(opensAt)) continue;
    isPause ||= now < place.restUntil;
    if (opensAt >= at) continue;
    at = opensAt;
    first = place;
  }
  return { at, place: first, isPause };
}

function toError(
  job: HeldJob,
  places: readonly ServedPlacement[],
  excluded: ReadonlySet<Exclusion>,
  { isPause, place, at }: Opening,
  now: number,
): ClusterError {
  if (isPause) {
    const error = job.lastError ?? place?.restError;
    if (error !== undefined) return withRetryAfter(error, at - now);
  }
  const rejected = excluded.has('rejected') ? places.find((other) => other.isRejected) : undefined;
  return job.lastError ?? rejected?.served.engine.rejection ?? toNoPlaceError(job.model, excluded);
}

function withRetryAfter(error: ClusterError, retryAfterMs: number): ClusterError {
  return new ClusterError(error.code, error.message, { cause: error, details: { ...error.details, retryAfterMs } });
}
