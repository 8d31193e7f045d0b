import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';

const launcher = resolve('scripts/run.mjs');
const isWindows = process.platform === 'win32';
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'launcher with blanks-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function writeProgram(name: string, lines: readonly string[]): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, lines.join('\n'));
  return file;
}

async function ended(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  const [code, signal] = await once(child, 'close');
  return { code, signal };
}

test('passes arguments on and ends with the exit code of the program', async () => {
  const program = await writeProgram('arguments.ts', [
    `const [, , ...given]: string[] = process.argv;`,
    `console.log(JSON.stringify(given));`,
    `process.exit(42);`,
  ]);
  const child = spawn(process.execPath, [launcher, program, '--name', 'a b', '$HOME'], { stdio: 'pipe' });
  const output = text(child.stdout);
  expect(await ended(child)).toEqual({ code: 42, signal: null });
  expect(JSON.parse(await output)).toEqual(['--name', 'a b', '$HOME']);
});

test('gives the program a PATH on which node is the one it runs on', async () => {
  const program = await writeProgram('path.ts', [
    `import { execFileSync } from 'node:child_process';`,
    `const found: string = execFileSync('node', ['-p', 'process.execPath'], { encoding: 'utf8' });`,
    `process.exit(found.trim() === process.execPath ? 0 : 1);`,
  ]);
  const child = spawn(process.execPath, [launcher, program], { env: { ...process.env, PATH: '/usr/bin:/bin' } });
  expect(await ended(child)).toEqual({ code: 0, signal: null });
});

// Windows has no signals, and another way to tell that npm has died: the launcher's own tests of both need a POSIX shell.
test.skipIf(isWindows)('dies of the signal its program died of', async () => {
  const program = await writeProgram('killed.ts', [`process.kill(process.pid, 'SIGKILL');`]);
  expect(await ended(spawn(process.execPath, [launcher, program]))).toEqual({ code: null, signal: 'SIGKILL' });
});

const waiting = [
  `const timer = setInterval(() => {}, 1000);`,
  `for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)`,
  `  process.on(name, () => { console.log(name); clearInterval(timer); process.exitCode = 7; });`,
  `console.log('ready');`,
];

test.skipIf(isWindows).each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
  'passes %s on and waits for the program to end in its own way',
  async (signal) => {
    const program = await writeProgram('waiting.ts', waiting);
    const child = spawn(process.execPath, [launcher, program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe('ready');
    child.kill(signal);
    const end = ended(child);
    expect((await lines.next()).value).toBe(signal);
    expect(await end).toEqual({ code: 7, signal: null });
  },
);

test.skipIf(isWindows)('ends the program when the shell of npm has died without passing the signal on', async () => {
  const program = await writeProgram('waiting.ts', waiting);
  const shell = spawn('sh', ['-c', '"$0" "$1" "$2" & wait', process.execPath, launcher, program], {
    env: { ...process.env, npm_execpath: '/npm/bin/npm-cli.js' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: shell.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('ready');
  shell.kill('SIGKILL');
  expect((await lines.next()).value).toBe('SIGTERM');
});

/** Starts the program as npm does, under a name of its own: a process, a shell below it, the launcher below that. */
async function startUnder(title: string, program: string) {
  const starter = await writeProgram('starter.ts', [
    `import { spawn } from 'node:child_process';`,
    `const [, , title, ...command]: string[] = process.argv;`,
    `process.title = String(title);`,
    `spawn('sh', ['-c', '"$0" "$@" & wait', ...command], { stdio: 'inherit' });`,
  ]);
  const child = spawn(process.execPath, [starter, title, process.execPath, launcher, program], {
    env: { ...process.env, npm_execpath: '/npm/bin/npm-cli.js' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const [, pid] = String((await lines.next()).value).split(' ');
  return { child, lines, program: Number(pid) };
}

test.skipIf(isWindows)(
  'ends the program when npm was killed, but not when it was another who started npm’s kind',
  async () => {
    const program = await writeProgram('telling.ts', [...waiting.slice(0, -1), `console.log('ready', process.pid);`]);
    // Both look at the same times, the other one first.
    const other = await startUnder('a supervisor', program);
    const npm = await startUnder('npm start', program);
    other.child.kill('SIGKILL');
    npm.child.kill('SIGKILL');
    expect((await npm.lines.next()).value).toBe('SIGTERM');
    process.kill(other.program, 'SIGINT');
    expect((await other.lines.next()).value).toBe('SIGINT');
  },
);

test('without a network it says what is missing, and leaves only fetches that still run', async () => {
  const root = join(folder, 'clone');
  await cp(dirname(launcher), join(root, 'scripts'), { recursive: true });
  for (const file of ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml']) await writeFile(join(root, file), '');
  // No process has the highest number a pid may take.
  for (const draft of [`tool-1.draft-${process.pid}`, `tool-1.draft-${2 ** 31 - 1}`]) {
    await mkdir(join(root, '.tools', draft), { recursive: true });
  }
  const env = {
    PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
    HOME: join(folder, 'no-home'),
    npm_config_registry: 'http://127.0.0.1:9/',
    npm_config_fetch_retry_mintimeout: '1',
  };
  const child = spawn(process.execPath, [join(root, 'scripts/run.mjs'), 'main.ts'], { env });
  const said = text(child.stderr);
  expect(await ended(child)).toEqual({ code: 1, signal: null });
  expect(await said).toMatch(/npm could not fetch pnpm@/);
  expect(await said).not.toMatch(/at .*run\.mjs/);
  expect((await readdir(join(root, '.tools'))).toSorted()).toEqual(['cache', `tool-1.draft-${process.pid}`]);
});
