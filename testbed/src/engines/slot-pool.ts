import { CoreRefusal } from './core-refusal.ts';
import { countCachedTokens } from './tokens.ts';

/** One request's place in a running model. */
export interface Slot {
  /** The prompt and answer of its last request: what the next prompt is compared with. */
  cached: string;
}

interface Waiter {
  readonly prompt: string;
  readonly resolve: (seat: Seat) => void;
}

/** A slot that was given to a request. */
export interface Seat {
  readonly slot: Slot;
  readonly cachedTokens: number;
}

/** The slots of one resident model. Requests beyond them wait here in the order they came. */
export class SlotPool {
  readonly #free: Slot[] = [];
  readonly #waiters: Waiter[] = [];
  readonly #changed: () => void;
  #running = 0;
  #peak = 0;

  constructor(size: number, changed: () => void) {
    for (let index = 0; index < size; index++) this.#free.push({ cached: '' });
    this.#changed = changed;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiters.length;
  }

  /** Most requests that ever ran at once. */
  get peak(): number {
    return this.#peak;
  }

  /** The free slot that knows most of the prompt, at once if there is one. Rejects with `gone` when `signal` is aborted. */
  acquire(prompt: string, signal: () => AbortSignal): Seat | Promise<Seat> {
    const seat = this.#take(prompt);
    if (seat === undefined) return this.#wait(prompt, signal());
    this.#changed();
    return seat;
  }

  release(slot: Slot, cached: string): void {
    slot.cached = cached;
    this.#free.push(slot);
    this.#running--;
    const next = this.#waiters.shift();
    if (next !== undefined) {
      const seat = this.#take(next.prompt);
      if (seat !== undefined) next.resolve(seat);
    }
    this.#changed();
  }

  #take(prompt: string): Seat | undefined {
    let best = -1;
    let cachedTokens = -1;
    for (const [index, slot] of this.#free.entries()) {
      const cached = slot.cached === '' ? 0 : countCachedTokens(prompt, slot.cached);
      if (cached > cachedTokens) {
        best = index;
        cachedTokens = cached;
      }
    }
    const slot = this.#free[best];
    if (slot === undefined) return undefined;
    this.#free.splice(best, 1);
    this.#running++;
    if (this.#running > this.#peak) this.#peak = this.#running;
    return { slot, cachedTokens };
  }

  #wait(prompt: string, signal: AbortSignal): Promise<Seat> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(new CoreRefusal('gone'));
        return;
      }
      const leave = () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        this.#changed();
        reject(new CoreRefusal('gone'));
      };
      const waiter: Waiter = {
        prompt,
        resolve: (seat) => {
          signal.removeEventListener('abort', leave);
          resolve(seat);
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiters.push(waiter);
      this.#changed();
    });
  }
}
