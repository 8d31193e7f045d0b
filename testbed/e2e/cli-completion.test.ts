import { execFileSync, type StdioOptions, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../src/cluster/process-cluster.ts';
import { EngineCluster } from './engine-cluster.ts';
import { hasTerminals, runCli } from './run-cli.ts';

const root = path.resolve(import.meta.dirname, '../..');
let bed: EngineCluster;
let folder: string;

beforeAll(async () => {
  bed = await EngineCluster.start(
    { desk: { ollama: { models: [{ name: 'bees:7b' }, { name: 'bees:13b' }] } } },
    { config: 'models: { buzz: bees:7b }\n' },
  );
  folder = mkdtempSync(path.join(tmpdir(), 'waggle-completion-'));
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout } = await runCli(bed.url, ['completion', shell]);
    expect(code).toBe(0);
    writeFileSync(path.join(folder, shell), stdout);
  }
  const waggle = path.join(folder, 'waggle');
  writeFileSync(waggle, `#!/bin/sh\nexec '${process.execPath}' '${root}/cli/src/main.ts' "$@"\n`);
  chmodSync(waggle, 0o755);
});
afterAll(async () => {
  await bed?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** Windows has none of them, and zsh and fish come with few systems. */
function has(shell: string): boolean {
  try {
    execFileSync(shell, ['-c', 'true']);
    return true;
  } catch {
    return false;
  }
}

function shellEnvironment(): NodeJS.ProcessEnv {
  return { PATH: `${folder}:${process.env['PATH']}`, HOME: folder, WAGGLE_URL: bed.url, TERM: 'dumb' };
}

/** What a shell printed that has `waggle` on its path. */
async function runShell(shell: string, args: readonly string[], script: string): Promise<string> {
  const stdio: StdioOptions = ['ignore', 'pipe', 'pipe'];
  const child = spawn(shell, [...args, '-c', script], { env: shellEnvironment(), cwd: folder, stdio });
  if (child.stdout === null || child.stderr === null) throw new Error('no output');
  const [stdout, stderr] = await Promise.all([readText(child.stdout), readText(child.stderr)]);
  if (stdout === '' && stderr !== '') throw new Error(stderr);
  return stdout;
}

const cases: readonly (readonly [line: string, words: readonly string[]])[] = [
  ['waggle sta', ['status']],
  ['waggle r', ['run', 'rm', 'requests']],
  ['waggle st', ['status', 'stop']],
  ['waggle config ', ['check', 'help']],
  ['waggle pull --n', ['--node']],
  ['waggle up --grpc', ['--grpc-port']],
  ['waggle join --uni', ['--uninstall']],
  ['waggle completion ', ['bash', 'zsh', 'fish']],
  ['waggle run b', ['bees:7b', 'bees:13b', 'buzz']],
  ['waggle rm bees:7b bu', ['buzz']],
  ['waggle chat --system x bees:1', ['bees:13b']],
  ['waggle models ', []],
];

describe('waggle complete', () => {
  it.each(cases)('%j', async (line, words) => {
    const { code, stdout } = await runCli(bed.url, ['complete', '--', ...line.split(' ').slice(1)]);
    const found = stdout.split('\n').filter((each) => each !== '');
    expect([code, found.map((each) => each.split('\t')[0] ?? '').toSorted()]).toEqual([0, words.toSorted()]);
  });

  it('asks the cluster that is named on the line, and is silent where none answers', async () => {
    const near = await runCli('http://127.0.0.1:9', ['complete', '--', '--url', bed.url, 'rm', 'bu']);
    expect(near.stdout).toMatch(/^buzz\talias of bees:7b/);
    expect(await runCli('http://127.0.0.1:9', ['complete', '--', 'rm', ''])).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
  });
});

// Each shell is asked itself, where the system has it.
describe.skipIf(!has('bash'))('in bash', () => {
  // What readline does: the last word is what stands behind the last break character.
  const complete = async (line: string): Promise<string[]> => {
    const script = `source ./bash; COMP_LINE='${line}'; COMP_POINT=\${#COMP_LINE}; _waggle; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return (await runShell('bash', ['--norc'], script)).trim().split('\n');
  };

  it.each(cases.slice(0, -3))('%j', async (line, words) => {
    expect((await complete(line)).toSorted()).toEqual(words.toSorted());
  });

  it('a model’s name is completed behind its colon', async () => {
    expect((await complete('waggle run bees:')).toSorted()).toEqual(['13b', '7b']);
    expect(await complete('waggle chat --system x bees:1')).toEqual(['13b']);
  });

  // Only a terminal has a tab key; util-linux plays it.
  it.skipIf(!hasTerminals)('the tab key does it', async () => {
    const command = `exec bash --norc --noprofile -i`;
    const terminal = spawn('/usr/bin/script', ['--quiet', '--flush', '--return', '--command', command, '/dev/null'], {
      env: shellEnvironment(),
      cwd: folder,
    });
    let shown = '';
    terminal.stdout.on('data', (bytes: Buffer) => (shown += bytes.toString()));
    try {
      terminal.stdin.write('PS1="ready> "; source ./bash\r');
      await until(async () => shown.includes('\nready> '));
      terminal.stdin.write('waggle run bees:1\t');
      await until(async () => shown.includes('waggle run bees:13b '));
      terminal.stdin.write('\x15waggle sta\t');
      await until(async () => shown.includes('waggle status '));
    } finally {
      terminal.kill('SIGKILL');
    }
  });

  it('makes the command where there is none', async () => {
    const script = 'PATH=/usr/bin:/bin; source ./bash; type -t waggle; waggle --version';
    expect(await runShell('bash', ['--norc'], script)).toMatch(/^function\n\d+\.\d+\.\d+\n$/);
  });
});

// Few systems come with it.
describe.skipIf(!has('zsh'))('in zsh', () => {
  it.each(cases.slice(0, -1))('%j', async (line, words) => {
    const typed = line.split(' ');
    // The function is called as the completion system calls it; what it would show is printed.
    const script = `compdef() { : }; compadd() { print -rl -- $given }; _files() { : }; source ./zsh
words=(${typed.map((word) => `'${word}'`).join(' ')}); CURRENT=${typed.length}; _waggle\n`;
    const found = (await runShell('zsh', ['-f'], script)).trim().split('\n');
    expect(found.toSorted()).toEqual(words.toSorted());
  });
});

// Few systems come with it.
describe.skipIf(!has('fish'))('in fish', () => {
  it.each(cases)('%j', async (line, words) => {
    const found = (await runShell('fish', ['--no-config'], `source ./fish; complete -C '${line}'\necho end`)).split(
      '\n',
    );
    expect(found.map((each) => each.split('\t')[0] ?? '').toSorted()).toEqual(['', 'end', ...words].toSorted());
  });
});

it.each([
  [[], /missing required argument 'shell'/],
  [['tcsh'], /Allowed choices are bash, zsh, fish/],
])('completion %j is a sentence and 1', async (args, message) => {
  expect(await runCli(bed.url, ['completion', ...args])).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(message),
  });
});
