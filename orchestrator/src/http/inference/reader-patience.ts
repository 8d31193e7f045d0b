import type { Socket } from 'node:net';
import type { Pulse } from '../pulse.ts';
import type { UnsentBytes } from './unsent-bytes.ts';

export interface PatienceOptions {
  readonly writeTimeoutMs: number;
  readonly pulse: Pulse;
  readonly unsentBytes: UnsentBytes;
}

/**
 * How long a client that takes no byte is waited for: from `writeTimeoutMs` to half as much again. That a write went through is known
 * at once; in between it is looked, twice in that time, whether what lies in the system's buffer became less.
 */
export class ReaderPatience {
  readonly #options: PatienceOptions;
  /** The beat since which nothing is known to be taken; undefined: nobody waits. */
  #since: number | undefined;
  #unsent: number | undefined;
  /** Looks of this stretch; the first one says what the others are compared to. */
  #looks = 0;
  #isLooking = false;

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  /** A write waits for the client, or one went through and the next one waits. */
  begin(): void {
    this.#since = this.#options.pulse.beats;
    this.#looks = 0;
  }

  /** Nothing waits. */
  end(): void {
    this.#since = undefined;
  }

  /** To be called with each beat. `giveUp` may come later than the call. */
  beat(socket: Socket, giveUp: () => void): void {
    if (this.#since === undefined || this.#isLooking) return;
    const { pulse, writeTimeoutMs } = this.#options;
    const elapsedMs = pulse.elapsedMs(this.#since);
    // What waits for less than a beat is no cause to look at anything.
    if (elapsedMs <= 0 || elapsedMs < (this.#looks * writeTimeoutMs) / 2) return;
    this.#isLooking = true;
    void this.#look(socket, this.#since, giveUp);
  }

  async #look(socket: Socket, since: number, giveUp: () => void): Promise<void> {
    const { pulse, writeTimeoutMs, unsentBytes } = this.#options;
    const unsent = await unsentBytes(socket).catch(() => undefined);
    this.#isLooking = false;
    // Something went through meanwhile, be it as much as the same beat can tell.
    if (this.#since !== since) return;
    const isFirst = this.#looks === 0;
    const isTaken = !isFirst && unsent !== undefined && this.#unsent !== undefined && unsent < this.#unsent;
    this.#unsent = unsent;
    this.#looks++;
    if (isFirst || isTaken) {
      this.#since = pulse.beats;
      this.#looks = 1;
    } else if (pulse.elapsedMs(since) >= writeTimeoutMs) {
      this.#since = undefined;
      giveUp();
    }
  }
}
