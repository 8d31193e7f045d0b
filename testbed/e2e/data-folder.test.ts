import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../src/cluster/free-port.ts';
import { until } from '../src/cluster/process-cluster.ts';
import { WaggleProcess } from '../src/cluster/waggle-process.ts';

let base: string;

beforeAll(async () => {
  base = await mkdtemp(path.join(tmpdir(), 'waggle-folders-'));
  await writeFile(path.join(base, 'file'), '');
  await mkdir(path.join(base, 'taken-id', 'node-id'), { recursive: true });
  await mkdir(path.join(base, 'taken-id', 'node', 'node-id'), { recursive: true });
});
afterAll(() => rm(base, { recursive: true, force: true }));

const programs = {
  orchestrator: { main: 'orchestrator/src/main.ts', args: ['--port', '0', '--grpc-port', '0'] },
  'node-agent': { main: 'node-agent/src/main.ts', args: ['--port', '0'] },
} as const;

function toProcess(program: keyof typeof programs, folder: string, args?: readonly string[]): WaggleProcess {
  const { main, args: usual } = programs[program];
  // No engine of this machine is to be found.
  const env = { LLAMA_BASE_URL: 'http://127.0.0.1:9' };
  return new WaggleProcess({ main, args: ['--log-level', 'error', '--data', folder, ...(args ?? usual)], env });
}

/** The words for each are tested beside them; here, that they reach a person, and that nothing hangs. */
const places = [
  { what: 'below a file', folder: () => path.join(base, 'file', 'x', 'y'), says: 'a file stands in its way' },
  { what: 'below /proc', folder: () => '/proc/waggle/x', says: 'it cannot be made' },
  { what: 'below /sys', folder: () => '/sys/waggle', says: /this user may not write there|read-only file system/ },
] as const;

describe.each(['orchestrator', 'node-agent'] as const)('%s: a data folder that cannot be one', (program) => {
  it.runIf(process.platform === 'linux').each(places)('$what is one sentence', async ({ folder, says }) => {
    await using waggle = toProcess(program, folder());
    waggle.start();
    expect(await waggle.exited()).toBe(1);
    expect(waggle.output).toMatch(
      /^[^\n]*the data folder [^\n]* cannot be used: [^\n]*; name another with --data DIR\.\n$/i,
    );
    expect(waggle.output).toContain(folder());
    expect(waggle.output).toMatch(says);
  });

  it('with something else in the place of an id is one sentence', async () => {
    await using waggle = toProcess(program, path.join(base, 'taken-id'));
    waggle.start();
    expect(await waggle.exited()).toBe(1);
    expect(waggle.output).toMatch(/^The file [^\n]*node-id cannot be used: a folder stands in its way[^\n]*\.\n$/);
  });
});

it('one process has a folder, whichever program it is', async () => {
  const folder = path.join(base, 'shared');
  const port = await freePort();
  await using holder = toProcess('node-agent', folder, ['--port', String(port)]);
  holder.start();
  await until(async () => (await fetch(`http://127.0.0.1:${port}/health`)).status === 200);
  for (const program of ['orchestrator', 'node-agent'] as const) {
    await using waggle = toProcess(program, folder);
    waggle.start();
    expect(await waggle.exited()).toBe(1);
    expect(waggle.output).toMatch(/^[^\n]*shared is in use by another Waggle \(process [^\n]*--data DIR\.\n$/);
    expect(waggle.output).toContain(`(process ${holder.pid} on`);
  }
});
