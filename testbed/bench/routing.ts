// What each way of choosing a node makes of simulated clusters: Waggle's scheduler itself, and what other balancers do.
// By itself: node scripts/run.mjs testbed/bench/routing.ts [--seed 1] [W4 …]
import { parseArgs } from 'node:util';
import { createBaseline, ruleNames } from '../src/simulator/baselines.ts';
import type { Figures } from '../src/simulator/figures.ts';
import type { CreatePolicy } from '../src/simulator/policy.ts';
import { simulate } from '../src/simulator/simulate.ts';
import { WagglePolicy } from '../src/simulator/waggle-policy.ts';
import { type Workload, workloads } from '../src/simulator/workload.ts';

const policies: readonly (readonly [string, CreatePolicy])[] = [
  ['waggle', (surroundings) => new WagglePolicy(surroundings)],
  ...ruleNames.flatMap((rule) =>
    (['late', 'early'] as const).map((binding) => [`${rule} ${binding}`, createBaseline(rule, binding)] as const),
  ),
];

function toWorkloads(seed: number): readonly Workload[] {
  return [
    workloads.w3(seed),
    workloads.w3b(seed),
    workloads.w4(seed),
    workloads.w5(seed),
    workloads.w5b(seed),
    workloads.w7(seed),
    ...[0.5, 1, 2, 5].map((load) => workloads.w9(seed, load)),
    workloads.w10(seed),
  ];
}

const ms = (value: number) => (Number.isNaN(value) ? '' : value.toFixed(0));

/** Times in milliseconds; of overload those of each band, where the whole says little. */
const columns: readonly (readonly [string, (figures: Figures) => string])[] = [
  ['first p50', ({ firstToken }) => ms(firstToken.p50)],
  ['first p95', ({ firstToken }) => ms(firstToken.p95)],
  ['total p50', ({ total }) => ms(total.p50)],
  ['total p95', ({ total }) => ms(total.p95)],
  ['high p95', ({ firstTokenP95Of }) => ms(firstTokenP95Of.high)],
  ['low p95', ({ firstTokenP95Of }) => ms(firstTokenP95Of.low)],
  ['max/mean', ({ maxOverMeanLoad }) => maxOverMeanLoad.toFixed(2)],
  ['loads', ({ loads }) => String(loads)],
  ['in engine', ({ mostWaitingInEngine }) => String(mostWaitingInEngine)],
  ['failed', ({ failed, lost }) => String(failed + lost)],
];

export async function benchRouting(seed: number, wanted: readonly string[] = []): Promise<void> {
  for (const workload of toWorkloads(seed)) {
    if (wanted.length > 0 && !wanted.some((name) => workload.name.startsWith(name))) continue;
    console.log(`\n${workload.name}: ${workload.shows}; ${workload.jobs.length} jobs, seed ${seed}`);
    console.log(`${''.padEnd(24)}${columns.map(([name]) => name.padStart(11)).join('')}`);
    for (const [name, create] of policies) {
      const { figures } = await simulate(workload, create, seed);
      console.log(`${name.padEnd(24)}${columns.map(([, toCell]) => toCell(figures).padStart(11)).join('')}`);
    }
  }
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seed: { type: 'string', default: '1' } },
  });
  await benchRouting(Number(values.seed), positionals);
}
