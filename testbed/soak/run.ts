import { readOptions } from '../src/read-options.ts';
import { agentScenarios } from './agents-that-die.ts';
import { clientsThatLeave } from './clients-that-leave.ts';
import { enginesThatFail } from './engines-that-fail.ts';
import { printFigures } from './figures.ts';
import { memory } from './memory.ts';
import { orchestratorsThatDie } from './orchestrators-that-die.ts';
import { readSoakOptions, soakUsage } from './soak-options.ts';

const scenarios = [...agentScenarios, orchestratorsThatDie, enginesThatFail, clientsThatLeave, memory];

const names = scenarios.map(({ name }) => name);
const options = readOptions(() => readSoakOptions(process.argv.slice(2), names), soakUsage);
let isMet = true;
for (const scenario of scenarios) {
  if (options.only.length > 0 && !options.only.includes(scenario.name)) continue;
  const begun = performance.now();
  const figures = await scenario.run(options);
  printFigures(`${scenario.name}: ${scenario.what}`, figures, (performance.now() - begun) / 1_000);
  isMet = isMet && figures.every((figure) => figure.isMet !== false);
}
console.log(isMet ? '\nAll goals met.' : '\nSome goals were NOT met.');
process.exitCode = isMet ? 0 : 1;
