/** Why a job went where: every candidate with its cost terms. Times in milliseconds. */
export interface Decision {
  /** `bound`: the cheapest is free. `waited`: it was held for it. `explored`: it was not the cheapest, but nothing is known of it any more. `patience`: the cheapest stayed busy longer than it could save. `loading`: it waits for a model load. `incapable`: no model can do it, an engine is asked to say so. */
  readonly reason: 'bound' | 'explored' | 'waited' | 'patience' | 'loading' | 'incapable' | 'none';
  /** Index into `candidates`; -1: none is eligible. */
  readonly chosen: number;
  /** Every place that has the model; in what is kept of a large decision, the chosen one and the cheapest others. */
  readonly candidates: readonly CandidateCost[];
  /** Set where `candidates` are not all of them: how many there were, and how many were out, by reason. */
  readonly candidatesTotal?: number;
  readonly excludedTotals?: Readonly<Partial<Record<Exclusion, number>>>;
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
  /** The engine rejects our credentials. */
  | 'rejected'
  | 'breaker-open'
  | 'resting'
  | 'suspect'
  | 'draining'
  | 'left'
  /** The engine would refuse it: its model cannot do what the job needs. */
  | 'incapable'
  /** The model lacks something that its engine may do without. */
  | 'capability'
  | 'context'
  /** A client asked for more context than the engine was started with. */
  | 'fixed-context'
  | 'memory'
  /** Its operator lets only other nodes serve the model. */
  | 'not-among-nodes'
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

/** Why places are out. */
export function noteExcluded({ candidates }: Decision, excluded: Set<Exclusion>): void {
  for (const candidate of candidates) if (candidate.excluded !== undefined) excluded.add(candidate.excluded);
}

/** More candidates are not kept of one decision: it is remembered with each of the recent requests. */
export const keptCandidates = 32;

/** What is kept of a decision: itself, unless it has very many candidates. The chosen one comes first then, the others by cost. */
export function toKept(decision: Decision): Decision {
  const { candidates, chosen } = decision;
  if (candidates.length <= keptCandidates) return decision;
  const excludedTotals: Partial<Record<Exclusion, number>> = {};
  const cheapest = new CheapestFew(keptCandidates - 1);
  for (const [index, candidate] of candidates.entries()) {
    const { excluded } = candidate;
    if (excluded !== undefined) excludedTotals[excluded] = (excludedTotals[excluded] ?? 0) + 1;
    else if (index !== chosen) cheapest.offer(candidate);
  }
  const taken = candidates[chosen];
  return {
    ...decision,
    chosen: taken === undefined ? -1 : 0,
    candidates: taken === undefined ? cheapest.found : [taken, ...cheapest.found],
    candidatesTotal: candidates.length,
    excludedTotals,
  };
}

/** The cheapest of many in one pass: most are dearer than all that are kept, and cost one comparison. */
class CheapestFew {
  /** Cheapest first. */
  readonly found: CandidateCost[] = [];
  readonly #count: number;

  constructor(count: number) {
    this.#count = count;
  }

  offer(candidate: CandidateCost): void {
    const { found } = this;
    if (found.length === this.#count && totalOf(candidate) >= totalOf(found.at(-1))) return;
    if (found.length === this.#count) found.pop();
    let at = found.length;
    while (at > 0 && totalOf(found[at - 1]) > totalOf(candidate)) at--;
    found.splice(at, 0, candidate);
  }
}

function totalOf(candidate: CandidateCost | undefined): number {
  return candidate?.terms?.total ?? Number.POSITIVE_INFINITY;
}
