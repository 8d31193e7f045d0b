import type { Clock } from '@waggle/shared/observing/clock.ts';

/** One timer for whoever comes first: rings no later than the earliest time asked for since it rang last. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #next: { readonly at: number; readonly cancel: () => void } | undefined;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** An infinite time asks for nothing. */
  setFor(at: number): void {
    if (!Number.isFinite(at) || (this.#next !== undefined && this.#next.at <= at)) return;
    this.#next?.cancel();
    const cancel = this.#clock.schedule(Math.max(1, at - this.#clock.now()), () => {
      this.#next = undefined;
      this.#ring();
    });
    this.#next = { at, cancel };
  }
}
