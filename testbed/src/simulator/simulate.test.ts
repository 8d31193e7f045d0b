import { describe, expect, it } from 'vitest';
import { createBaseline, ruleNames } from './baselines.ts';
import type { Figures } from './figures.ts';
import type { CreatePolicy } from './policy.ts';
import { type Simulation, simulate } from './simulate.ts';
import { WagglePolicy } from './waggle-policy.ts';
import { type Workload, workloads } from './workload.ts';

const waggle: CreatePolicy = (surroundings) => new WagglePolicy(surroundings);

const late = ruleNames.map((rule) => createBaseline(rule, 'late'));
const early = ruleNames.map((rule) => createBaseline(rule, 'early'));

/** The smallest figure any baseline reaches; one that left jobs undone does not count. */
async function bestOf(
  baselines: readonly CreatePolicy[],
  workload: Workload,
  pick: (figures: Figures) => number,
): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (const baseline of baselines) {
    const { figures } = await simulate(workload, baseline);
    if (figures.lost === 0) best = Math.min(best, pick(figures));
  }
  return best;
}

const firstTokenP95 = ({ firstToken }: Figures) => firstToken.p95;
const totalP95 = ({ total }: Figures) => total.p95;

/** What holds whatever the workload. */
function expectSound({ figures, results }: Simulation): void {
  expect(results.filter((result) => result.outcome === undefined)).toEqual([]);
  expect(figures.done + figures.failed).toBe(figures.jobs);
  // A job that waits inside an engine is lost to scheduling.
  expect(figures.mostWaitingInEngine).toBe(0);
}

describe('Waggle in simulated clusters', () => {
  it.each([1, 2, 3])(
    'W4, nodes of unlike speed: first tokens and whole answers sooner than all others (seed %i)',
    async (seed) => {
      const workload = workloads.w4(seed);
      const simulation = await simulate(workload, waggle);
      expectSound(simulation);
      expect(simulation.figures.failed).toBe(0);
      const others = [...late, ...early];
      expect(simulation.figures.firstToken.p95).toBeLessThan(await bestOf(others, workload, firstTokenP95));
      expect(simulation.figures.total.p95).toBeLessThan(0.95 * (await bestOf(others, workload, totalP95)));
    },
  );

  it('W3, more models than memory: far sooner than all others, and nobody starves', async () => {
    const workload = workloads.w3(1, 2_000);
    const simulation = await simulate(workload, waggle);
    expectSound(simulation);
    expect(simulation.figures.failed).toBe(0);
    const others = [...late, ...early];
    expect(simulation.figures.firstToken.p95).toBeLessThan(0.3 * (await bestOf(others, workload, firstTokenP95)));
    for (const model of workload.models) {
      const waits = simulation.results.filter(({ job }) => job.model === model);
      for (const { submittedAt, firstTokenAt = Number.NaN } of waits)
        expect(firstTokenAt - submittedAt).toBeLessThan(60_000);
    }
  });

  it('W3b, two models on a machine that holds one: they take turns, and nobody starves', async () => {
    const workload = workloads.w3b(1, 500);
    const { figures, results } = await simulate(workload, waggle);
    expect([figures.failed, figures.lost]).toEqual([0, 0]);
    for (const { submittedAt, firstTokenAt = Number.NaN } of results)
      expect(firstTokenAt - submittedAt).toBeLessThan(90_000);
    expect(figures.firstToken.p95).toBeLessThan(0.2 * (await bestOf([...late, ...early], workload, firstTokenP95)));
  });

  it.each([1, 2, 3])('W5, equal nodes and nothing to win: loses no more than 1 %% (seed %i)', async (seed) => {
    for (const workload of [workloads.w5(seed), workloads.w5b(seed)]) {
      const simulation = await simulate(workload, waggle);
      expectSound(simulation);
      const { firstToken, total } = simulation.figures;
      expect(firstToken.p95).toBeLessThanOrEqual(1.01 * (await bestOf(late, workload, firstTokenP95)));
      expect(total.p95).toBeLessThanOrEqual(1.01 * (await bestOf(late, workload, totalP95)));
    }
  });

  it('W7, low load: stays where the model is in memory', async () => {
    const workload = workloads.w7(1);
    const simulation = await simulate(workload, waggle);
    expectSound(simulation);
    expect(simulation.figures.loads).toBe(0);
    expect(simulation.figures.firstToken.p95).toBeLessThanOrEqual(
      await bestOf([...late, ...early], workload, firstTokenP95),
    );
  });

  it.each([0.5, 1, 2, 5])('W9, %f times the capacity: answers or refuses, the higher band sooner', async (load) => {
    const simulation = await simulate(workloads.w9(1, load), waggle);
    expectSound(simulation);
    const { figures, results } = simulation;
    expect(figures.failed > 0).toBe(load > 1);
    for (const { outcome, reason } of results) if (outcome === 'failed') expect(reason).toMatch(/server busy/);
    const { high, normal, low } = figures.firstTokenP95Of;
    if (load >= 1) {
      expect(high).toBeLessThan(normal);
      expect(normal).toBeLessThan(low);
    }
  });

  it.each([1, 2, 3])(
    'W10, nodes that die, freeze and come back: only streams that were cut fail (seed %i)',
    async (seed) => {
      const simulation = await simulate(workloads.w10(seed), waggle);
      expectSound(simulation);
      for (const { outcome, firstTokenAt, reason } of simulation.results) {
        if (outcome !== 'failed') continue;
        expect(firstTokenAt).toBeDefined();
        expect(reason).toMatch(/lost while it worked/);
      }
    },
  );

  it('gives the same figures for the same seed', async () => {
    const [first, second] = [
      await simulate(workloads.w10(4, 500), waggle),
      await simulate(workloads.w10(4, 500), waggle),
    ];
    expect(first.figures).toEqual(second.figures);
  });
});
