// node .ci/tally.mjs REPORTS NAME=EXITCODE...: prints `N passed, N failed` over the vitest reports REPORTS/NAME.
// A step that failed but has no failed test to show (no report, an error outside of any test) counts as one failure.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [reports, ...outcomes] = process.argv.slice(2);
let passed = 0;
let failed = 0;
for (const outcome of outcomes) {
  const [name, exitCode] = outcome.split('=');
  const file = join(reports, name);
  const report = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { numPassedTests: 0, numFailedTests: 0 };
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  if (exitCode !== '0' && report.numFailedTests === 0) failed += 1;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
