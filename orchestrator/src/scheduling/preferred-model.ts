import type { Choice } from './choose.ts';
import type { HeldJob } from './held-job.ts';

/** A job of an alias waits no longer than this in all for a model it prefers, if another of them is free. */
export const preferredWaitMs = 1_000;

/** The choice is as good as a free lane: there is one and a better one is waited for, or one is about to be free. */
export function isSoonServed(choice: Choice, job: HeldJob, now: number): boolean {
  if (choice.action !== 'wait') return false;
  return choice.leaveBy !== undefined || now + startsIn(choice) <= job.heldSince + preferredWaitMs;
}

/** Predicted milliseconds until the job could begin there. */
export function startsIn({ decision: { candidates, chosen } }: Choice): number {
  const terms = candidates[chosen]?.terms;
  return terms === undefined ? Number.POSITIVE_INFINITY : Math.max(terms.load, terms.wait);
}
