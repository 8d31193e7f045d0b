import { type Figures, toFigures } from './figures.ts';
import type { CreatePolicy } from './policy.ts';
import { Random } from './random.ts';
import { SimClock } from './sim-clock.ts';
import { SimEngine } from './sim-engine.ts';
import type { SimFault, SimJob, Workload } from './workload.ts';

export interface JobResult {
  readonly job: SimJob;
  readonly submittedAt: number;
  firstTokenAt: number | undefined;
  endedAt: number | undefined;
  outcome: 'done' | 'failed' | undefined;
  reason?: string | undefined;
}

export interface Simulation {
  readonly results: readonly JobResult[];
  readonly engines: readonly SimEngine[];
  readonly figures: Figures;
}

/** No run of a workload takes longer than this after its last arrival; what has not ended then never will. */
const lastWordMs = 3_600_000;

/** Runs a workload under a policy. Equal for equal arguments, on every machine. */
export async function simulate(workload: Workload, createPolicy: CreatePolicy, seed = 1): Promise<Simulation> {
  const clock = new SimClock();
  const engines = workload.engines.map((spec) => new SimEngine(clock, spec));
  const policy = createPolicy({ clock, engines, models: workload.models, random: new Random(seed) });
  const results: JobResult[] = [];
  let ended = 0;

  const submit = (job: SimJob, onEnd: () => void) => {
    const result: JobResult = {
      job,
      submittedAt: clock.now(),
      firstTokenAt: undefined,
      endedAt: undefined,
      outcome: undefined,
    };
    results.push(result);
    policy.submit(job, {
      firstToken: () => {
        result.firstTokenAt ??= clock.now();
      },
      ended: (outcome, reason) => {
        if (result.outcome !== undefined) throw new Error(`${job.id} ended twice`);
        Object.assign(result, { outcome, reason, endedAt: clock.now() });
        ended++;
        onEnd();
      },
    });
  };

  const happen = (fault: SimFault) => {
    if (fault.kind === 'kill' || fault.kind === 'rejoin' || fault.kind === 'freeze' || fault.kind === 'thaw') {
      policy.fault(fault);
      return;
    }
    const engine = engines.find(({ spec }) => spec.name === fault.node);
    engine?.setForeign(workload.models[0] ?? '', fault.kind === 'foreign');
  };

  const { jobs, clients } = workload;
  if (clients === undefined) {
    for (const job of jobs) clock.at(job.at, () => submit(job, () => {}));
  } else {
    const waiting = jobs.values();
    const next = () => {
      const { value: job } = waiting.next();
      if (job !== undefined) clock.schedule(thinkMs, () => submit(job, next));
    };
    for (let client = 0; client < clients; client++) next();
  }
  for (const fault of workload.faults) clock.at(fault.at, () => happen(fault));
  const end = (jobs.at(-1)?.at ?? 0) + lastWordMs;
  clock.at(end, () => {});
  await clock.run(() => ended === jobs.length || (clients === undefined && clock.now() >= end));
  if (ended === jobs.length) policy.checkIdle();
  return { results, engines, figures: toFigures(results, engines, clock.now()) };
}

const thinkMs = 200;
