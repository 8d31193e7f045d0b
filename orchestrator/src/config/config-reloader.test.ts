import type { LogFacts, Logger } from '@waggle/shared/observing/logger.ts';
import { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import { describe, expect, test } from 'vitest';
import type { CompiledConfig } from './compiled-config.ts';
import { ConfigReloader } from './config-reloader.ts';
import { compileFake, type FakeProcess, fakeInputs } from './fake-inputs.ts';
import { followConfig } from './follow-config.ts';

class Lines implements Logger {
  readonly said: unknown[] = [];
  error = (event: string, facts?: LogFacts) => void this.said.push(['error', event, facts]);
  warn = (event: string, facts?: LogFacts) => void this.said.push(['warn', event, facts]);
  info = (event: string, facts?: LogFacts) => void this.said.push(['info', event, facts]);
  debug = (event: string, facts?: LogFacts) => void this.said.push(['debug', event, facts]);

  take(): unknown[] {
    return this.said.splice(0);
  }
}

function setUp(fake: FakeProcess = {}) {
  const now = { file: fake.file, isReadable: true };
  const inputs = {
    ...fakeInputs(fake),
    readText: (path: string) => {
      if (!now.isReadable) throw new Error('EACCES: permission denied');
      return path === '/somewhere/config.yaml' ? now.file : undefined;
    },
  };
  const applied: CompiledConfig[] = [];
  const lines = new Lines();
  const deps = {
    inputs,
    started: compileFake(fake),
    apply: (config: CompiledConfig) => applied.push(config),
    logger: lines,
  };
  const reloader = new ConfigReloader(deps);
  const become = (file: string | undefined) => {
    now.file = file;
    reloader.fileChanged();
    return lines.take();
  };
  return { now, deps, reloader, applied, lines, become };
}

const file = '/somewhere/config.yaml';
const reloaded = (...changed: string[]) => ['info', 'config-reloaded', { file, changed }];

describe('a file that changed', () => {
  test('is taken up, and what changed is said by key', () => {
    const { become, applied } = setUp({ file: 'models: { a: b }' });
    expect(become('models: { a: c }\nlimits: { stallMax: 7 }')).toEqual([reloaded('limits.stallMax', 'models.a')]);
    expect(applied.at(-1)).toMatchObject({ aliases: { a: ['c'] }, limits: { stallMaxMs: 7_000 } });
    expect(become(undefined)).toEqual([reloaded('limits.stallMax', 'models.a')]);
    expect(applied.at(-1)).toMatchObject({ aliases: {}, limits: { stallMaxMs: 300_000 } });
  });

  test('is not mentioned when it is as it was at the start, or as it was read before', () => {
    const { become, applied } = setUp({ file: 'models: { a: b }' });
    expect(become('models: { a: b }')).toEqual([]);
    expect(become('models: { a: c }')).toHaveLength(1);
    expect(become('models: { a: c }')).toEqual([]);
    expect(applied).toHaveLength(1);
  });

  test('is heard of though nothing in it counts', () => {
    const { become } = setUp({ file: 'models: { a: b }' });
    become('models: { a: b }');
    expect(become('models: { a: b } # a comment')).toEqual([reloaded()]);
  });

  test('does not beat flags and variables', () => {
    const { become, applied } = setUp({
      file: '',
      argv: ['--log-level', 'warn'],
      environment: { WAGGLE_SERVER_QUEUE_SIZE: '7' },
    });
    become('');
    expect(become('logging: { level: debug }\nserver: { queueSize: 8 }')).toEqual([reloaded()]);
    expect(applied.at(-1)).toMatchObject({ logging: { level: 'warn' }, server: { queueSize: 7 } });
  });

  test('is taken up but for what needs a restart, which is said by key, and compared with the start', () => {
    const { become, applied } = setUp({ file: 'server: { port: 4000 }' });
    expect(become('server: { port: 5000 }\nmodels: { a: b }')).toEqual([
      reloaded('models.a'),
      ['warn', 'config-needs-restart', { file, keys: ['server.port'] }],
    ]);
    expect(applied.at(-1)).toMatchObject({ server: { port: 4_000 }, aliases: { a: ['b'] } });
    expect(become('server: { port: 5000 }\nmodels: { a: c }')).toContainEqual([
      'warn',
      'config-needs-restart',
      { file, keys: ['server.port'] },
    ]);
    expect(become('server: { port: 4000 }\nmodels: { a: c }')).toEqual([reloaded()]);
  });

  test('is judged with what the program really does: the gRPC port it has, not the one it will have', () => {
    const { become, applied } = setUp({ file: '' });
    const [said] = become('cluster: { lan: true }\nnodes: [{ name: far, host: 192.168.1.9 }]');
    expect(said).toEqual([
      'info',
      'config-reloaded',
      { file, changed: ['nodes.far'], notices: [expect.stringContaining('cannot join yet (far)')] },
    ]);
    expect(applied.at(-1)?.nodes).toMatchObject([{ notice: expect.stringContaining('open to this machine only') }]);
  });
});

describe('a file with a mistake', () => {
  const broken = 'models: { a: b }\nlimits:\n  stallMax: soon\n  nodez: 1\n';

  test('changes nothing and is said with key and line, once', () => {
    const { become, applied, lines, reloader } = setUp({ file: 'models: { a: b }' });
    const problems = [
      expect.stringMatching(/^config.yaml:3: limits.stallMax must be a time .+, not "soon"\.$/),
      'config.yaml:4: "limits.nodez" is not a known key; did you mean "limits.nodes"?',
    ];
    const rejected = ['error', 'config-rejected', { file, problems, still: expect.any(String) }];
    expect(become(broken)).toEqual([rejected]);
    expect(become(broken)).toEqual([]);
    expect(applied).toEqual([]);
    // Somebody who asks hears it again; and so does who makes the same mistake in another version.
    reloader.asked();
    expect(lines.take()).toEqual([rejected]);
    expect(become(`${broken}# again\n`)).toEqual([rejected]);
    expect(become('models: { a: c }')).toEqual([reloaded('models.a')]);
  });

  test.each([
    ['no YAML', 'models: {', /config.yaml:1: is not valid YAML/],
    ['a contradiction', 'limits: { maxBodyBytes: 1GiB }', /must not be below limits.maxBodyBytes/],
    ['a port that is another one', 'nodes: [{ engine: ollama, url: "http://127.0.0.1:3001" }]', /own address/],
  ])('%s', (_what, text, problem) => {
    const { become, applied } = setUp({ file: '' });
    expect(become(text)).toEqual([
      ['error', 'config-rejected', expect.objectContaining({ problems: [expect.stringMatching(problem)] })],
    ]);
    expect(applied).toEqual([]);
  });

  test('a file that was asked for and is gone', () => {
    const { become } = setUp({ file: 'models: { a: b }', argv: ['--config', 'config.yaml'] });
    expect(become(undefined)).toEqual([
      ['error', 'config-rejected', expect.objectContaining({ problems: [`--config: there is no file ${file}.`] })],
    ]);
  });

  test('one that cannot be read, until it can', () => {
    const { become, now } = setUp({ file: 'models: { a: b }' });
    now.isReadable = false;
    expect(become('models: { a: c }')).toEqual([
      ['error', 'config-rejected', expect.objectContaining({ problems: [expect.stringContaining('cannot be read')] })],
    ]);
    now.isReadable = true;
    expect(become('models: { a: c }')).toEqual([reloaded('models.a')]);
  });
});

describe('SIGHUP', () => {
  function follow(hasTerminal: () => boolean) {
    const { deps, now, lines } = setUp({ file: '' });
    let hangUp = () => {};
    const killed: unknown[] = [];
    const stream = { on: () => {} };
    const target = {
      pid: 7,
      stdout: stream,
      stderr: stream,
      on: (_signal: 'SIGHUP', listener: () => void) => {
        hangUp = listener;
      },
      kill: (...args: unknown[]) => killed.push(args),
    };
    const watcher = followConfig(deps, new HandClock(), target, hasTerminal);
    watcher.stop();
    return { now, lines, killed, hangUp: () => hangUp() };
  }

  test('reads the file at once and says so, whether anything changed or not', () => {
    const { now, lines, hangUp } = follow(() => false);
    hangUp();
    expect(lines.take()).toEqual([reloaded()]);
    now.file = 'models: { a: b }';
    hangUp();
    expect(lines.take()).toEqual([reloaded('models.a')]);
  });

  test('of a terminal that is closed ends the program', () => {
    const terminal = { isOpen: true };
    const { lines, killed, hangUp } = follow(() => terminal.isOpen);
    hangUp();
    expect([lines.take(), killed]).toEqual([[reloaded()], []]);
    terminal.isOpen = false;
    hangUp();
    expect([lines.take(), killed]).toEqual([[], [[7, 'SIGTERM']]]);
  });
});
