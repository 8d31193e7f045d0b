import type { JobPins } from '@waggle/shared/cluster/job.ts';
import type { ModelReport } from '@waggle/shared/cluster/model.ts';
import type { ServedPlacement } from './served-placement.ts';

/** Ollama's own default. What a client asks for is a lower bound, so nobody makes it shorter for the others. */
const leastKeepAliveMs = 300_000;
/** An engine that unloads at once what nobody asked it to keep would load each model twice: for the command, and for its job. */
const forgetfulKeepAliveSeconds = 30;
/** Ollama writes "for ever" as a date; whatever is this far off is for ever. */
const foreverMs = 100 * 365 * 24 * 3_600_000;

/** Milliseconds the engine keeps the model yet, as it said last; 0: it is not resident. Infinite: for ever, or until it is told otherwise. */
export function keptMs({ state, resident }: ModelReport, wallNow = Date.now()): number {
  if (state !== 'hot') return 0;
  const expiresAt = resident?.expiresAt === undefined ? Number.NaN : Date.parse(resident.expiresAt);
  if (Number.isNaN(expiresAt) || expiresAt - wallNow > foreverMs) return Number.POSITIVE_INFINITY;
  return Math.max(0, expiresAt - wallNow);
}

/** keep_alive of a client is a lower bound; negative means for ever. */
export function toKeepUntil(keepAliveSeconds: number, now: number): number {
  return keepAliveSeconds < 0 ? Number.POSITIVE_INFINITY : now + keepAliveSeconds * 1000;
}

/**
 * The engine settings that go with every job and load: they are the orchestrator's, so that no client reloads the model by chance.
 * `asked`: the keep_alive of this very job; 0 asks for nothing, the model goes after it if nobody else needs it.
 */
export function toPins(placement: ServedPlacement, now: number, asked: number | undefined): JobPins {
  const keepAliveSeconds = toKeepAlive(placement, now, asked);
  const numCtx = placement.pinnedCtx ?? placement.numCtx;
  const { startOptions } = placement;
  if (startOptions !== undefined) return { ...toPlainPins(keepAliveSeconds, numCtx), startOptions };
  return toPlainPins(keepAliveSeconds, numCtx);
}

function toPlainPins(keepAliveSeconds: number | undefined, numCtx: number | undefined): JobPins {
  if (keepAliveSeconds === undefined) return numCtx === undefined ? noPins : { numCtx };
  return numCtx === undefined ? { keepAliveSeconds } : { keepAliveSeconds, numCtx };
}

/**
 * An engine that is told nothing goes on with what it was told last, or with its operator's default, counted from the end of the
 * job: that is never sooner than it said before. It is told only what it would not keep by itself, and never less than it promises.
 */
function toKeepAlive(placement: ServedPlacement, now: number, asked: number | undefined): number | undefined {
  const wishedMs = placement.keepUntil - now;
  if (wishedMs <= 0) return placement.room.isForgetful ? forgetfulKeepAliveSeconds : undefined;
  const promisedMs = keptMs(placement.served.report);
  if ((asked ?? 0) === 0 && promisedMs >= wishedMs) return undefined;
  const longest = Math.max(wishedMs, promisedMs, wishedForCopies(placement) - now, leastKeepAliveMs);
  return Number.isFinite(longest) ? Math.ceil(longest / 1000) : -1;
}

/** Until when clients want another name of the same content resident: its engine runs them as one. */
function wishedForCopies(placement: ServedPlacement): number {
  const { digest } = placement.served.report;
  let until = 0;
  if (digest === '') return until;
  for (const { served, keepUntil } of placement.neighbours())
    if (served.report.digest === digest) until = Math.max(until, keepUntil);
  return until;
}

const noPins: JobPins = {};
