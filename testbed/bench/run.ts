// Measures what Waggle costs.   npm run bench [-- --seconds 3]
// CPU is compared with a bare node:http proxy in the same run: ratios hold on a machine that is shared, absolute figures do not.
import { parseArgs } from 'node:util';
import { benchScheduling } from './choose.ts';
import { benchRequests } from './requests.ts';
import { benchRouting } from './routing.ts';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '3' } } });
const { costs, idleMegabytes } = await benchRequests(Number(values.seconds));

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
