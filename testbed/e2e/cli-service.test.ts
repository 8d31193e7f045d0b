import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../src/cluster/process-cluster.ts';
import { EngineCluster } from './engine-cluster.ts';
import { runCli } from './run-cli.ts';

const token = 'K10::0123456789abcdef0123';
let home: string;
let calls: string;

/** A home of its own, and a `systemctl` that writes down what it is told and touches nothing. */
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'waggle service $5 100% '));
  calls = path.join(home, 'calls');
  mkdirSync(path.join(home, 'bin'));
  writeFileSync(calls, '');
  writeFileSync(path.join(home, 'bin/systemctl'), `#!/bin/sh\necho "$@" >> "${calls.replace('$', '\\$')}"\n`, {
    mode: 0o755,
  });
});
afterEach(() => rmSync(home, { recursive: true }));

const environment = () => ({ HOME: home, PATH: `${path.join(home, 'bin')}:${process.env['PATH']}` });
const cli = (args: readonly string[], env: Record<string, string> = {}) =>
  runCli('', ['join', ...args], { folder: home, env: { ...environment(), ...env } });
const unitFile = () => path.join(home, '.config/systemd/user/waggle-agent.service');
const tokenFile = () => path.join(home, '.local/share/waggle/agent/service.env');
const told = () => readFileSync(calls, 'utf8').trim().split('\n');

/** The words of `ExecStart=`, read as systemd reads them. */
function commandOf(unit: string): string[] {
  const line = /^ExecStart=(.*)$/m.exec(unit)?.[1] ?? '';
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = '']) =>
    word.replaceAll(/\\(.)/g, '$1').replaceAll('%%', '%').replaceAll('$$', '$'),
  );
}

// Units are systemd's; macOS has its own form, Windows none.
describe.skipIf(process.platform !== 'linux')('waggle join --install', () => {
  it('writes a unit with absolute paths, and the token into a file of this user alone', async () => {
    const args = ['192.168.1.2:50051', '--token', token, '--name', 'attic', '--drain-timeout', '60', '--data', 'bees'];
    const { code, stdout, stderr } = await cli([...args, '--install'], {
      OLLAMA_HOST: '10.0.0.1',
      WAGGLE_ADMIN_TOKEN: 'x',
    });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /systemctl --user daemon-reload\n {2}systemctl --user enable .+\n {2}systemctl --user restart/,
    );
    const unit = readFileSync(unitFile(), 'utf8');
    const [node = '', launcher = '', envFlag = '', main = '', ...flags] = commandOf(unit);
    for (const file of [node, launcher, main])
      expect([file, path.isAbsolute(file) && existsSync(file)]).toEqual([file, true]);
    const data = path.join(home, 'bees');
    expect(flags).toEqual([
      ...['--orchestrator', '192.168.1.2:50051', '--name', 'attic', '--drain-timeout', '60'],
      ...['--data', data],
    ]);
    expect(unit).toMatch(/^Restart=always$/m);
    expect(unit).toMatch(/^KillMode=mixed\nTimeoutStopSec=75$/m);
    expect(unit).not.toContain(token);
    expect(envFlag).toBe(`--env-file=${path.join(data, 'service.env')}`);
    expect(statSync(path.join(data, 'service.env')).mode & 0o777).toBe(0o600);
    expect(readFileSync(path.join(data, 'service.env'), 'utf8')).toBe(
      `OLLAMA_HOST='10.0.0.1'\nWAGGLE_TOKEN='${token}'\n`,
    );
    expect(told()).toEqual(['']);
    await cli(['--uninstall', '--data', 'bees']);
    expect(existsSync(path.join(data, 'service.env'))).toBe(false);
  });

  it('--now enables it, --uninstall takes all of it away', async () => {
    const { code, stdout } = await cli(['desk', `--token=${token}`, '--install', '--now', '--json']);
    expect([code, JSON.parse(stdout)]).toEqual([
      0,
      expect.objectContaining({ file: unitFile(), environmentFile: tokenFile(), started: true, notes: [] }),
    ]);
    const restart = '--user restart waggle-agent.service';
    expect(told()).toEqual(['--user daemon-reload', '--user enable waggle-agent.service', restart]);
    expect((await cli(['--uninstall'])).stdout).toContain('is removed');
    expect(told().slice(3)).toEqual(['--user disable --now waggle-agent.service', '--user daemon-reload']);
    expect([existsSync(unitFile()), existsSync(tokenFile())]).toEqual([false, false]);
  });

  it.each([
    ['a flag no agent has', ['--fly'], /Unknown option '--fly'/],
    ['no address', ['a b'], /must be HOST/],
    ['no name', ['desk', '--name', 'a b'], /--name may have letters/],
    ['no time', ['desk', '--drain-timeout', 'long'], /--drain-timeout must be/],
    ['half a token', ['desk', '--token', 'K10'], /was it copied whole/],
  ])('%s is refused, and nothing is written', async (_, args, message) => {
    const { code, stdout, stderr } = await cli([...args, '--install']);
    expect([code, stdout, stderr.trim().split('\n').length]).toEqual([1, '', 1]);
    expect(stderr).toMatch(message);
    expect(existsSync(unitFile())).toBe(false);
  });

  it('says what systemctl said when it fails', async () => {
    writeFileSync(path.join(home, 'bin/systemctl'), '#!/bin/sh\necho no bus >&2; exit 1\n');
    const { code, stderr } = await cli(['desk', '--token', token, '--install', '--now']);
    expect([code, stderr]).toEqual([1, 'systemctl --user daemon-reload failed: no bus.\n']);
  });

  // A container mostly has no systemd to ask.
  it.skipIf(!existsSync('/usr/bin/systemd-analyze'))('systemd finds nothing wrong with the unit', async () => {
    await cli(['desk', '--token', token, '--install']);
    const unit = unitFile();
    const verify = (file: string) => {
      const env = { HOME: home, XDG_RUNTIME_DIR: home, PATH: process.env['PATH'] };
      const child = spawn('/usr/bin/systemd-analyze', ['--user', 'verify', file], { env });
      let said = '';
      child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()));
      return new Promise<string>((resolve) => child.on('close', () => resolve(said)));
    };
    expect(await verify(unit)).not.toContain('waggle-agent');
    writeFileSync(unit, readFileSync(unit, 'utf8').replace('KillMode=mixed', 'KillMode=all'));
    expect(await verify(unit)).toContain('waggle-agent');
  });
});

// It reads the unit that only Linux is given.
it.skipIf(process.platform !== 'linux')('the agent of the unit joins with its token', async () => {
  await using bed = await EngineCluster.start(
    { desk: { ollama: { models: [{ name: 'bees:7b' }] }, env: { WAGGLE_JOIN_TOKEN: token } } },
    { config: `cluster: { joinToken: "${token}" }\n` },
  );
  const args = [bed.cluster.grpcAddress, '--token', token, '--name', 'attic', '--port', '0', '--install'];
  const installed = await cli(args, { LLAMA_BASE_URL: bed.engine('desk').url });
  expect([installed.code, installed.stderr]).toEqual([0, '']);
  const [program = '', ...words] = commandOf(readFileSync(unitFile(), 'utf8'));
  const agent = spawn(program, words, { cwd: '/', env: { PATH: '/usr/bin:/bin', HOME: home }, stdio: 'ignore' });
  const exited = new Promise((resolve) => agent.on('close', resolve));
  try {
    await until(async () => (await bed.cluster.node('attic'))?.state === 'active');
  } finally {
    agent.kill('SIGTERM');
    await exited;
  }
});
