import CircuitBreaker from 'opossum';

/** Figures of the contract between the tiers: half of at least five outcomes within 5 s opens, then 6 s of rest. */
const settings = {
  volumeThreshold: 5,
  errorThresholdPercentage: 49,
  rollingCountTimeout: 5_000,
  rollingCountBuckets: 5,
  resetTimeout: 6_000,
} as const;

export const breakerStates = ['closed', 'open', 'half-open'] as const;
export type BreakerState = (typeof breakerStates)[number];

export type Outcome = 'ok' | 'fault' | 'neutral';

/** Says how an admitted attempt ended; only the first call counts, and none after the breaker changed its state. */
export type Settle = (outcome: Outcome) => void;

/**
 * Health of one model on one engine, judged by finished outcomes only: the attempt itself never runs inside opossum, whose
 * time-outs, capacity and filters would count our own limits as faults. In half-open one probe is let through, everybody
 * else goes elsewhere. opossum counts exactly 50 % as healthy, hence the threshold of 49.
 */
export class Breaker {
  readonly #onProbeDue: () => void;
  #circuit: CircuitBreaker<[boolean], void> | undefined;
  #epoch = 0;
  #probing = false;

  /** `onProbeDue` is called when the rest is over and a probe may be sent. */
  constructor(onProbeDue: () => void) {
    this.#onProbeDue = onProbeDue;
  }

  get state(): BreakerState {
    if (this.#circuit === undefined || this.#circuit.closed) return 'closed';
    return this.#circuit.halfOpen ? 'half-open' : 'open';
  }

  get probing(): boolean {
    return this.#probing;
  }

  /** Undefined: not now. */
  admit(): Settle | undefined {
    const state = this.state;
    if (state === 'open' || (state === 'half-open' && this.#probing)) return undefined;
    const probing = state === 'half-open';
    if (probing) this.#probing = true;
    const epoch = this.#epoch;
    let settled = false;
    return (outcome) => {
      if (settled) return;
      settled = true;
      if (probing) this.#probing = false;
      if (outcome !== 'neutral' && epoch === this.#epoch) this.#feed(outcome);
      else if (probing && this.state === 'half-open') this.#onProbeDue();
    };
  }

  /** Releases the timers of opossum. */
  dispose(): void {
    this.#circuit?.shutdown();
    this.#circuit = undefined;
  }

  #feed(outcome: 'ok' | 'fault'): void {
    // A breaker exists only once there was a fault: healthy models pay nothing for it.
    if (this.#circuit === undefined) {
      if (outcome === 'ok') return;
      this.#circuit = this.#create();
    }
    this.#circuit.fire(outcome === 'ok').catch(ignore);
  }

  #create(): CircuitBreaker<[boolean], void> {
    const circuit = new CircuitBreaker(report, { ...settings, timeout: false });
    const changed = () => {
      this.#epoch++;
      this.#probing = false;
    };
    circuit.on('open', changed);
    circuit.on('close', changed);
    circuit.on('halfOpen', () => {
      changed();
      this.#onProbeDue();
    });
    return circuit;
  }
}

async function report(ok: boolean): Promise<void> {
  if (!ok) throw new Error('engine fault');
}

/** opossum rejects what it was told is a fault; that is the message, not an error of ours. */
function ignore(): void {}
