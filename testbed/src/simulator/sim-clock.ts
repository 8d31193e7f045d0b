import type { Clock } from '@waggle/shared/observing/clock.ts';

interface SimEvent {
  readonly at: number;
  readonly order: number;
  action: (() => void) | undefined;
}

/** Simulated time: jumps from event to event, in order of time and then of scheduling. */
export class SimClock implements Clock {
  #now = 0;
  #order = 0;
  /** Binary heap. */
  readonly #events: SimEvent[] = [];

  now(): number {
    return this.#now;
  }

  schedule(delayMs: number, action: () => void): () => void {
    const event: SimEvent = { at: this.#now + Math.max(0, delayMs), order: this.#order++, action };
    this.#push(event);
    return () => {
      event.action = undefined;
    };
  }

  at(time: number, action: () => void): void {
    this.schedule(time - this.#now, action);
  }

  /** Runs events until `isOver` says so or none is left. Promises that an event settles are heard before the next one. */
  async run(isOver: () => boolean): Promise<void> {
    for (let event = this.#pop(); event !== undefined; event = this.#pop()) {
      if (event.action === undefined) continue;
      this.#now = event.at;
      event.action();
      for (let turn = 0; turn < 8; turn++) await Promise.resolve();
      if (isOver()) return;
    }
  }

  #push(event: SimEvent): void {
    const events = this.#events;
    let at = events.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = events[parent];
      if (above === undefined || !isBefore(event, above)) break;
      events[at] = above;
      at = parent;
    }
    events[at] = event;
  }

  #pop(): SimEvent | undefined {
    const events = this.#events;
    const first = events[0];
    const last = events.pop();
    if (first === undefined || last === undefined || first === last) return first;
    let at = 0;
    for (;;) {
      const left = events[2 * at + 1];
      const right = events[2 * at + 2];
      const child = left !== undefined && right !== undefined && isBefore(right, left) ? right : left;
      if (child === undefined || !isBefore(child, last)) break;
      events[at] = child;
      at = child === left ? 2 * at + 1 : 2 * at + 2;
    }
    events[at] = last;
    return first;
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
