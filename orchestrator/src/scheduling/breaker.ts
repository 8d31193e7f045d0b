import CircuitBreaker from 'opossum';

/** Figures of the contract between the tiers: half of at least five outcomes within 5 s opens, then 6 s of rest. */
const settings = {
  volumeThreshold: 5,
  errorThresholdPercentage: 49.999,
  rollingCountTimeout: 5_000,
  rollingCountBuckets: 5,
  resetTimeout: 6_000,
  rollingPercentilesEnabled: false,
  enableSnapshots: false,
} as const;

export const breakerStates = ['closed', 'open', 'half-open'] as const;
export type BreakerState = (typeof breakerStates)[number];

export type Outcome = 'ok' | 'fault' | 'neutral';

/** Says how an admitted attempt ended; only the first call counts, and none after the breaker changed its state. */
export type Settle = (outcome: Outcome) => void;

export interface BreakerEvents {
  /** The rest is over and a probe may be sent; also after one that told nothing. */
  onProbeDue(): void;
  /** A probe went well: everybody is let through again. */
  onClosed(): void;
}

/**
 * Health of one model on one engine, judged by finished outcomes only: the attempt itself never runs inside opossum, whose
 * time-outs, capacity and filters would count our own limits as faults. In half-open one probe is let through, everybody
 * else goes elsewhere. opossum counts exactly the threshold as healthy, hence one just below 50 %.
 */
export class Breaker {
  readonly #events: BreakerEvents;
  /** Exists from the first fault until there was none for a whole window: healthy models pay nothing for it. */
  #circuit: CircuitBreaker<[boolean], void> | undefined;
  #lastFaultAt = 0;
  #epoch = 0;
  #probing = false;

  constructor(events: BreakerEvents) {
    this.#events = events;
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
      if (settled || epoch !== this.#epoch) return;
      settled = true;
      if (outcome !== 'neutral') {
        // A probe stays under way until the state has changed, which is some promises later: else a second one got in.
        this.#feed(outcome);
      } else if (probing) {
        this.#probing = false;
        this.#events.onProbeDue();
      }
    };
  }

  /** Forgets everything and releases the timers of opossum: the node left. What is still under way counts no more. */
  dispose(): void {
    this.#circuit?.shutdown();
    this.#circuit = undefined;
    this.#changed();
  }

  #feed(outcome: 'ok' | 'fault'): void {
    const now = performance.now();
    if (outcome === 'fault') {
      this.#circuit ??= this.#create();
      this.#lastFaultAt = now;
    } else if (this.#circuit?.closed === true && now - this.#lastFaultAt > settings.rollingCountTimeout) {
      this.#circuit.shutdown();
      this.#circuit = undefined;
    }
    this.#circuit?.fire(outcome === 'ok').catch(ignore);
  }

  #changed(): void {
    this.#epoch++;
    this.#probing = false;
  }

  #create(): CircuitBreaker<[boolean], void> {
    const circuit = new CircuitBreaker(report, { ...settings, timeout: false });
    circuit.on('open', () => this.#changed());
    circuit.on('close', () => {
      this.#changed();
      this.#events.onClosed();
    });
    circuit.on('halfOpen', () => {
      this.#changed();
      this.#events.onProbeDue();
    });
    return circuit;
  }
}

async function report(ok: boolean): Promise<void> {
  if (!ok) throw new Error('engine fault');
}

/** opossum rejects what it was told is a fault; that is the message, not an error of ours. */
function ignore(): void {}
