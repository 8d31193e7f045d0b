import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { ControlDown } from '@waggle/shared/wire/control-frames.ts';

/** Pings of one node: its round trip, and who answers. */
export class Pings {
  readonly #clock: Clock;
  readonly #write: (frame: ControlDown) => void;
  #lastId = 0;
  #sentAt = 0;
  #waiting: ((bootId: string | undefined) => void)[] = [];

  constructor(clock: Clock, write: (frame: ControlDown) => void) {
    this.#clock = clock;
    this.#write = write;
  }

  send(): void {
    this.#lastId++;
    this.#sentAt = this.#clock.now();
    this.#write({ type: 'ping', id: this.#lastId });
  }

  /** Milliseconds since the ping; undefined for an earlier one than the last. */
  answered(id: number, bootId: string): number | undefined {
    if (id !== this.#lastId) return undefined;
    this.#settle(bootId);
    return this.#clock.now() - this.#sentAt;
  }

  /** Undefined: no answer within `timeoutMs`. */
  askBootId(timeoutMs: number): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    const giveUp = this.#clock.schedule(timeoutMs, () => resolve(undefined));
    this.#waiting.push((bootId) => {
      giveUp();
      resolve(bootId);
    });
    this.send();
    return promise;
  }

  giveUp(): void {
    this.#settle(undefined);
  }

  #settle(bootId: string | undefined): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const tell of waiting) tell(bootId);
  }
}
