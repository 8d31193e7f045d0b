import { Roster, type RosterMember } from '@waggle/shared/collections/roster.ts';

/** A request that is being answered. */
export interface RunningRequest extends RosterMember {
  /** Gives up: Waggle ends now. */
  shutDown(): void;
}

/** What is being answered right now, so that the end of the program can wait for it or cut it short. */
export class RunningRequests {
  readonly #members = new Roster<RunningRequest>();
  #isDraining = false;
  #ended = 0;
  #whenEmpty: (() => void)[] = [];

  get isDraining(): boolean {
    return this.#isDraining;
  }

  get count(): number {
    return this.#members.size;
  }

  /** Those that were answered since the start. */
  get ended(): number {
    return this.#ended;
  }

  beginDrain(): void {
    this.#isDraining = true;
  }

  add(request: RunningRequest): void {
    this.#members.add(request);
  }

  delete(request: RunningRequest): void {
    if (this.#members.delete(request)) this.#ended++;
    if (this.#members.size === 0 && this.#whenEmpty.length > 0) {
      for (const resolve of this.#whenEmpty.splice(0)) resolve();
    }
  }

  abortAll(): void {
    this.#members.each((request) => request.shutDown());
  }

  /** Resolves when nothing is being answered. */
  whenEmpty(): Promise<void> {
    if (this.#members.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }
}
