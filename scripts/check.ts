import { execFile } from 'node:child_process';

/** The gate without the tests: `npm run check`. Exit code 1 when a step fails. */
const steps = [
  { name: 'format', args: ['node_modules/@biomejs/biome/bin/biome', 'check', '--max-diagnostics=50', '.'] },
  { name: 'types', args: ['node_modules/typescript/bin/tsc', '--noEmit'] },
  { name: 'lint', args: ['node_modules/oxlint/bin/oxlint', '--type-aware', '--deny-warnings'] },
  { name: 'dead code', args: ['node_modules/knip/bin/knip.js', '--no-config-hints'] },
];

interface StepResult {
  readonly code: number;
  readonly output: string;
  readonly seconds: string;
}

function runStep(args: readonly string[]): Promise<StepResult> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    execFile(process.execPath, args, { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      resolve({ code: error ? 1 : 0, output: `${stdout}${stderr}`.trim(), seconds });
    });
  });
}

const results = await Promise.all(steps.map(async ({ name, args }) => ({ name, ...(await runStep(args)) })));
for (const { name, code, output, seconds } of results) {
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  if (code !== 0) console.log(`${output}\n`);
}
process.exitCode = results.some(({ code }) => code !== 0) ? 1 : 0;
