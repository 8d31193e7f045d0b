import { execFile } from 'node:child_process';
import path from 'node:path';
import { expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');

function run(program: string, ...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [path.join(root, program), ...args], (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

it.each(['testbed/bench/run.ts', 'testbed/soak/run.ts'])(
  '%s: --help shows its flags, a wrong one is a sentence',
  async (program) => {
    const help = await run(program, '--help');
    expect(help).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^npm run (?:bench|soak) -- \[options\]\n {2}--/),
      stderr: '',
    });
    const wrong = await run(program, '--fly');
    expect(wrong).toEqual({ code: 1, stdout: '', stderr: "Unknown option '--fly'; --help shows what there is\n" });
  },
);

it.each([
  ['testbed/bench/run.ts', ['--seconds', 'x'], '--seconds must be a whole number from 1, not x'],
  ['testbed/soak/run.ts', ['--only', 'memory,angels'], 'there is no scenario called angels'],
])('%s %j is refused', async (program, args, words) => {
  expect(await run(program, ...args)).toMatchObject({ code: 1, stderr: `${words}; --help shows what there is\n` });
});
