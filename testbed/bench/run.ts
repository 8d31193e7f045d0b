// Measures what Waggle costs.
// CPU is compared with a bare node:http proxy in the same run: ratios hold on a machine that is shared, absolute figures do not.
import { parseArgs } from 'node:util';
import { readOptions, toWholeNumber } from '../src/read-options.ts';
import { benchScheduling } from './choose.ts';
import { benchRequests } from './requests.ts';
import { benchRouting } from './routing.ts';

const usage = `npm run bench -- [options]
  --seconds N   how long each load of the request bench runs (3)

Measures CPU per request beside a bare node:http proxy, idle memory, the cost of choosing and the quality of routing.
`;

const seconds = readOptions(() => {
  const { values } = parseArgs({
    options: { seconds: { type: 'string', default: '3' }, help: { type: 'boolean', default: false } },
  });
  return values.help ? undefined : toWholeNumber('--seconds', values.seconds, 1);
}, usage);
const { costs, idleMegabytes } = await benchRequests(seconds);

const format = (micros: number) => micros.toFixed(1).padStart(8);
console.log(`${'µs of CPU'.padEnd(36)}   proxy  orchestr    agent   both/proxy`);
for (const row of costs)
  console.log(
    `${row.name.padEnd(36)}${format(row.proxy)}${format(row.orchestrator)}${format(row.agent)}${row.ratio.toFixed(2).padStart(10)} ×`,
  );
console.log(`\nidle memory: orchestrator ${idleMegabytes.orchestrator} MB, agent ${idleMegabytes.agent} MB`);

console.log(`\n${'scheduling'.padEnd(52)}       µs     bytes`);
for (const { name, micros, bytes } of benchScheduling())
  console.log(`${name.padEnd(52)}${micros.toFixed(2).padStart(9)}${String(bytes).padStart(10)}`);

await benchRouting(1);
