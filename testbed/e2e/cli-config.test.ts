import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../src/cluster/free-port.ts';
import { until } from '../src/cluster/process-cluster.ts';
import { WaggleProcess } from '../src/cluster/waggle-process.ts';
import { type CliResult, CliTerminal, hasTerminals, runCli } from './run-cli.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'waggle-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const cli = (...args: string[]): Promise<CliResult> => runCli('', args, { folder, env: { HOME: folder } });
const fileOf = (name = 'config.yaml') => path.join(folder, name);

interface Report {
  readonly valid: boolean;
  readonly values: readonly { readonly key: string; readonly value: unknown }[];
}

/** What `config check` says that differs from the defaults. */
async function valuesOf(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout } = await cli('config', 'check', ...args, '--json');
  const { valid, values } = JSON.parse(stdout) as Report;
  expect([code, valid]).toEqual([0, true]);
  return Object.fromEntries(values.map(({ key, value }) => [key, value]));
}

describe('waggle config check', () => {
  it('says what is wrong, by key and line, and ends with 1', async () => {
    writeFileSync(fileOf('lab.yaml'), 'server:\n  prot: 4000\n');
    const wrong = 'lab.yaml:2: "server.prot" is not a known key; did you mean "server.port"?';
    expect(await cli('config', 'check', 'lab.yaml')).toEqual({ code: 1, stdout: `${wrong}\n`, stderr: '' });
    const asJson = await cli('config', 'check', 'lab.yaml', '--json');
    expect([asJson.code, asJson.stderr, JSON.parse(asJson.stdout)]).toEqual([
      1,
      '',
      expect.objectContaining({
        valid: false,
        problems: [expect.objectContaining({ key: 'server.prot', message: wrong })],
      }),
    ]);
    expect(await cli('config', 'check', 'nowhere.yaml')).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('there is no file'),
    });
  });

  it('says what the file means, and changes nothing', async () => {
    writeFileSync(fileOf(), 'server: { port: 4000 }\n');
    const { code, stdout } = await cli('config', 'check');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /config\.yaml: nothing wrong\.[^]*clients at +http:\/\/127\.0\.0\.1:4000\n[^]*server\.port: 4000 +config\.yaml:1/,
    );
    expect(await valuesOf()).toEqual({ 'server.port': 4000 });
  });
});

// Windows has no such signals.
it.skipIf(process.platform === 'win32')('waggle up passes on what it is told by signals', async () => {
  writeFileSync(fileOf(), '');
  const ports = ['--port', String(await freePort()), '--grpc-port', String(await freePort())];
  const args = ['up', '--no-local', '--config', fileOf(), ...ports, '--data', fileOf('data')];
  const up = new WaggleProcess({ main: 'cli/src/main.ts', args });
  up.start();
  try {
    await until(async () => up.output.includes('address'));
    up.signal('SIGHUP');
    await until(async () => up.output.includes('config-reloaded'));
  } finally {
    await up.kill('SIGINT');
  }
  expect(await up.exited()).toBe(0);
});

describe('waggle init', () => {
  it('--yes asks nothing and writes a file that is accepted, and never over another', async () => {
    const { code, stdout } = await cli('init', '--yes');
    expect([code, stdout]).toEqual([0, expect.stringContaining('config.yaml is written')]);
    expect(await valuesOf()).toEqual({});
    writeFileSync(fileOf(), '# mine\n');
    expect(await cli('init', '--yes')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'config.yaml is there already; --force replaces it.\n',
    });
    expect(readFileSync(fileOf(), 'utf8')).toBe('# mine\n');
    expect((await cli('init', '--yes', '--force', '--port', '4001')).code).toBe(0);
    expect(await valuesOf()).toEqual({ 'server.port': 4001 });
  });

  // Windows has no file modes; there the folder of the user protects it.
  it.skipIf(process.platform === 'win32')('--lan makes a join token, in a file of this user alone', async () => {
    const { code, stdout } = await cli('init', 'lab.yaml', '--yes', '--lan', '--json');
    const { file, join } = JSON.parse(stdout) as { file: string; join: string };
    expect([code, file]).toEqual([0, path.resolve(folder, 'lab.yaml')]);
    const [token = 'none'] = /K10::[\w-]{43}$/.exec(join) ?? [];
    expect(readFileSync(fileOf('lab.yaml'), 'utf8')).toContain(`  joinToken: ${token} `);
    expect(statSync(fileOf('lab.yaml')).mode & 0o777).toBe(0o600);
    expect(await valuesOf('lab.yaml')).toEqual({ 'cluster.lan': true, 'cluster.joinToken': '(secret)' });
    writeFileSync(fileOf(), '', { mode: 0o644 });
    await cli('init', '--yes', '--lan', '--force');
    expect(statSync(fileOf()).mode & 0o777).toBe(0o600);
  });

  it('without a terminal, with a wrong port and into no folder: one sentence and 1', async () => {
    expect(await cli('init')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^the questions need a terminal/),
    });
    expect(await cli('init', '--yes', '--port', '0')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('from 1 to 65535'),
    });
    const nowhere = await cli('init', 'nowhere/config.yaml', '--yes', '--json');
    expect([nowhere.code, JSON.parse(nowhere.stdout)]).toEqual([
      1,
      { error: expect.stringContaining('cannot be written') },
    ]);
  });

  // Needs util-linux, which plays the terminal.
  describe.skipIf(!hasTerminals)('on a terminal', () => {
    const start = async () => {
      const env = { HOME: folder, LLAMA_BASE_URL: `http://127.0.0.1:${await freePort()}/v1` };
      const terminal = new CliTerminal('', ['init'], { folder, env });
      await terminal.shows('Port for clients [3001]');
      return terminal;
    };

    it('asks, asks again what it cannot use, shows the engines it found, and writes the answers', async () => {
      using terminal = await start();
      terminal.type('http\r');
      await terminal.shows('Port for clients [3001]', 2);
      terminal.type('4002\r');
      await terminal.shows('May clients on other machines use it? [y/N]');
      terminal.type('y\r');
      await terminal.shows('(makes a join token)? [y/N]');
      terminal.type('perhaps\r');
      await terminal.shows('y or n, please.');
      terminal.type('\r');
      await terminal.shows('nothing answers at');
      await terminal.shows('Use the engines of this machine? [Y/n]');
      terminal.type('n\r');
      await terminal.shows('config.yaml is written');
      expect(await terminal.exited).toBe(0);
      expect(await valuesOf()).toEqual({ 'server.port': 4002, 'server.host': '0.0.0.0', 'local.enabled': false });
      expect(readFileSync(fileOf(), 'utf8')).toMatch(/^ {2}port: 4002 +# 0 takes any free one$/m);
    });

    it('asks nothing where a file is there already', async () => {
      writeFileSync(fileOf(), '# mine\n');
      using terminal = new CliTerminal('', ['init'], { folder, env: { HOME: folder } });
      expect(await terminal.exited).toBe(1);
      expect([terminal.count('is there already'), terminal.count('Port for clients')]).toEqual([1, 0]);
    });

    it.each([
      ['Ctrl-C', '\x03'],
      ['Ctrl-D', '\x04'],
    ])('%s ends it, and nothing is written', async (_, key) => {
      using terminal = await start();
      terminal.type(key);
      await terminal.shows('nothing was written');
      expect(await terminal.exited).toBe(1);
      expect(() => statSync(fileOf())).toThrow('ENOENT');
    });
  });
});
