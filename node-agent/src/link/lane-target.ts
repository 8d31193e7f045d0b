/** Idle lanes that are kept open per engine, as far as there are free slots. */
const leastIdle = 8;
const idleShare = 0.25;

/** How many idle lanes an engine should have open. Never more than its free slots: an idle lane is the proof of one. */
export function toIdleTarget({ free, busy }: { readonly free: number; readonly busy: number }): number {
  return Math.max(0, Math.min(free, Math.max(leastIdle, Math.ceil(busy * idleShare))));
}
