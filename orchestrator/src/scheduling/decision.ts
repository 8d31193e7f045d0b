/** Why a job went where: every candidate with its cost terms. Times in milliseconds. */
export interface Decision {
  /** `bound`: the cheapest is free. `waited`: it was held for it. `explored`: it was not the cheapest, but nothing is known of it any more. `patience`: the cheapest stayed busy longer than it could save. `loading`: it waits for a model load. */
  readonly reason: 'bound' | 'explored' | 'waited' | 'patience' | 'loading' | 'none';
  /** Index into `candidates`; -1: none is eligible. */
  readonly chosen: number;
  readonly candidates: readonly CandidateCost[];
  /** Time the job was held before it was bound. */
  readonly heldMs: number;
}

export interface CandidateCost {
  readonly node: string;
  readonly engineId: string;
  readonly model: string;
  /** Why it is out; absent: eligible. */
  readonly excluded?: Exclusion;
  /** A lane is free for it and the model is hot. */
  readonly bindable: boolean;
  /** Rates are priors from the hardware, not yet measured. */
  readonly prior: boolean;
  readonly terms?: CostTerms;
}

export type Exclusion =
  | 'tried'
  | 'engine-down'
  | 'breaker-open'
  | 'resting'
  | 'suspect'
  | 'draining'
  | 'left'
  | 'capability'
  | 'context'
  | 'memory'
  | 'other-node';

/**
 * Expected milliseconds; `total` is the sum with the longer one of `load` and `wait`. `risk` is what may go wrong there, and what
 * waiting or evicting another model costs the jobs that come after.
 */
export interface CostTerms {
  readonly rtt: number;
  readonly load: number;
  readonly wait: number;
  readonly prefill: number;
  readonly decode: number;
  readonly risk: number;
  readonly total: number;
}
