import type { Random } from './random.ts';
import type { SimClock } from './sim-clock.ts';
import type { SimEngine } from './sim-engine.ts';
import type { SimFault, SimJob } from './workload.ts';

/** Told by a policy what becomes of a job. */
export interface JobWatch {
  firstToken(): void;
  /** Called exactly once, last. */
  ended(outcome: 'done' | 'failed', reason?: string): void;
}

/** Something that decides which engine runs a job, and when. */
export interface Policy {
  submit(job: SimJob, watch: JobWatch): void;
  fault(fault: SimFault): void;
  /** Throws where something is left over after the last job ended. */
  checkIdle(): void;
}

export interface Surroundings {
  readonly clock: SimClock;
  readonly random: Random;
  readonly engines: readonly SimEngine[];
  readonly models: readonly string[];
}

export type CreatePolicy = (surroundings: Surroundings) => Policy;

/** A frozen node gets nothing new after this, and is given up after that. */
export const suspectAfterMs = 1_500;
export const deadAfterMs = 5_000;
