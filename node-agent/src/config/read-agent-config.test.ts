import { formatJoinToken, makeJoinToken } from '@waggle/shared/cluster/join-token.ts';
import { UsageError } from '@waggle/shared/errors/usage-error.ts';
import { describe, expect, test } from 'vitest';
import type { AgentConfig, AgentInputs } from './agent-config.ts';
import { readAgentConfig } from './read-agent-config.ts';

function read(argv: string[] = [], environment: Record<string, string> = {}, more: Partial<AgentInputs> = {}) {
  const inputs: AgentInputs = {
    argv,
    environment,
    homeFolder: '/home/ann',
    hostName: 'desk.lan',
    workingFolder: '/srv',
    platform: 'linux',
    ...more,
  };
  return readAgentConfig(inputs);
}

function run(
  argv: string[] = [],
  environment: Record<string, string> = {},
  more: Partial<AgentInputs> = {},
): AgentConfig {
  const outcome = read(argv, environment, more);
  if (outcome.kind !== 'run') throw new Error(`not a configuration but ${outcome.kind}`);
  return outcome.config;
}

describe('readAgentConfig', () => {
  test('everything has a default', () => {
    expect(run()).toEqual({
      orchestrator: undefined,
      token: undefined,
      name: { text: 'desk', isChosen: false },
      data: { folder: '/home/ann/.local/share/waggle/agent', isChosen: false },
      port: { number: 3000, isChosen: false },
      host: undefined,
      drainMaxMs: 30_000,
      logLevel: 'info',
      engines: { kind: 'discover' },
      settings: {},
      builtin: true,
      hub: { endpoint: 'https://huggingface.co', token: undefined },
      notices: [],
    });
  });

  test('flags beat the environment', () => {
    const token = formatJoinToken(makeJoinToken());
    const environment = { PORT: '3100', WAGGLE_ORCHESTRATOR: 'old:1', WAGGLE_DATA: '/old', HOST: '0.0.0.0' };
    const argv = ['--orchestrator', '192.168.1.2', '--token', token, '--name=big', '--data', 'here', '--port', '3200'];
    expect(run(argv, environment)).toMatchObject({
      orchestrator: '192.168.1.2:50051',
      token: { caSha256: '' },
      name: { text: 'big', isChosen: true },
      data: { folder: '/srv/here', isChosen: true },
      port: { number: 3200, isChosen: true },
      host: '0.0.0.0',
    });
    expect(run([], environment)).toMatchObject({ orchestrator: 'old:1', port: { number: 3100, isChosen: false } });
  });

  test('each flag has a variable of its name, which beats that of others', () => {
    const environment = {
      PORT: '3100',
      WAGGLE_PORT: '3101',
      WAGGLE_NAME: 'attic',
      WAGGLE_LOG_LEVEL: 'debug',
      WAGGLE_TOKEN: 'K10::0123456789abcdef',
      WAGGLE_JOIN_TOKEN: 'K10::fedcba9876543210',
      WAGGLE_DRAIN_TIMEOUT: '5',
    };
    expect(run([], environment)).toMatchObject({
      port: { number: 3101 },
      name: { text: 'attic', isChosen: true },
      logLevel: 'debug',
      token: { secret: '0123456789abcdef' },
      drainMaxMs: 5_000,
      notices: [],
    });
    expect(run([], { WAGGLE_JOIN_TOKEN: 'K10::fedcba9876543210' }).token?.secret).toBe('fedcba9876543210');
    expect(() => run([], { WAGGLE_LOG_LEVEL: 'loud' })).toThrow('WAGGLE_LOG_LEVEL must be one of');
  });

  test('a variable that is not read is noticed', () => {
    expect(run([], { WAGGLE_ORCHESTRATER: 'x:1' }).notices).toEqual([
      'WAGGLE_ORCHESTRATER is not read; did you mean WAGGLE_ORCHESTRATOR?',
    ]);
  });

  test('an empty variable counts as absent', () => {
    expect(run([], { PORT: '', LLAMA_BASE_URL: ' ', OLLAMA_HOST: '' })).toEqual(run());
  });

  test('reads the variables that scripts set already', () => {
    const environment = {
      LLAMA_BASE_URL: 'http://127.0.0.1:8000/v1/',
      QUEUE_CONCURRENCY: '1024',
      MONGODB_URI: 'mongodb://x',
      NODE_ENV: 'production',
      OLLAMA_NUM_PARALLEL: '4',
      OLLAMA_MAX_LOADED_MODELS: '0',
      OLLAMA_CONTEXT_LENGTH: '8192',
    };
    expect(run([], environment)).toMatchObject({
      engines: { kind: 'fixed', engines: [{ dialect: 'openai', url: 'http://127.0.0.1:8000/v1' }] },
      settings: { slots: 1024, numParallel: 4, maxLoadedModels: undefined, contextLength: 8192 },
      notices: [expect.stringContaining('MONGODB_URI is not used yet')],
    });
  });

  test.each([
    [['--orchestrator', 'http://x/'], {}, '--orchestrator must be HOST:PORT'],
    [['--orchestrator', 'x:99999'], {}, '--orchestrator must be HOST:PORT'],
    [['--port', '70000'], {}, '--port must be a whole number from 0 to 65535'],
    [[], { PORT: 'http' }, 'PORT must be a whole number'],
    [[], { QUEUE_CONCURRENCY: '0' }, 'QUEUE_CONCURRENCY must be a whole number from 1'],
    [['--name', 'a b'], {}, '--name may have letters'],
    [['--drain-timeout', '1h'], {}, '--drain-timeout must be a whole number'],
    [['--log-level', 'loud'], {}, '--log-level must be one of error, warn, info, debug'],
    [['--token', 'K10::short'], {}, '--token must have a secret'],
    [[], { LLAMA_BASE_URL: 'ftp://x' }, 'LLAMA_BASE_URL must begin with http:// or https://'],
    [[], { OLLAMA_HOST: 'a b' }, 'OLLAMA_HOST is not the address of an Ollama'],
    [[], { HF_ENDPOINT: 'mirror.example' }, 'HF_ENDPOINT must be the address of a hub'],
    [['--data', ''], {}, '--data must name a folder'],
    [['--colour'], {}, '--colour'],
    [['--port'], {}, '--port'],
    [['start'], {}, 'start'],
  ])('%j %j is refused in one sentence', (argv, environment, words) => {
    const refusal = (() => {
      try {
        return run(argv, environment);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(refusal).toBeInstanceOf(UsageError);
    expect(String(refusal)).toContain(words);
    expect(String(refusal)).not.toContain('\n');
  });

  test('the built-in engine can be left out', () => {
    expect(run(['--no-builtin']).builtin).toBe(false);
    expect(run([], { WAGGLE_NO_BUILTIN: '1' }).builtin).toBe(false);
    expect(run([], { WAGGLE_NO_BUILTIN: 'false' }).builtin).toBe(true);
    expect(() => run([], { WAGGLE_NO_BUILTIN: 'perhaps' })).toThrow('WAGGLE_NO_BUILTIN must be true or false');
  });

  test('the hub and its token, for the built-in engine', () => {
    const environment = { HF_ENDPOINT: 'https://mirror.example/hub/', HF_TOKEN: ' hf_x ' };
    expect(run([], environment).hub).toEqual({ endpoint: 'https://mirror.example/hub', token: 'hf_x' });
  });

  test('help and version', () => {
    expect(read(['--help'])).toMatchObject({ kind: 'help', text: expect.stringContaining('--orchestrator HOST:PORT') });
    expect(read(['-v', '--port', '1'])).toEqual({ kind: 'version' });
  });

  test('a check is of all it would start with', () => {
    expect(read(['--check-config', '--name', 'attic'])).toEqual({ kind: 'check' });
    expect(() => read(['--check-config', '--name', 'a b'])).toThrow('--name may have letters');
    expect(() => read(['--check-config'], { QUEUE_CONCURRENCY: 'many' })).toThrow('QUEUE_CONCURRENCY');
  });

  test.each([
    ['win32', {}, /Waggle.agent$/],
    ['darwin', {}, /Library\/Application Support\/Waggle\/agent$/],
    ['linux', { XDG_DATA_HOME: '/data' }, /^\/data\/waggle\/agent$/],
    ['linux', { XDG_DATA_HOME: 'relative' }, /^\/home\/ann\/.local\/share\/waggle\/agent$/],
  ] as const)('keeps its things where %s with %j does', (platform, environment, folder) => {
    expect(run([], environment, { platform }).data.folder).toMatch(folder);
  });

  test('a user without a home folder has to name one', () => {
    expect(() => run([], {}, { homeFolder: undefined })).toThrow(/no home folder.*--data DIR/);
    expect(run(['--data', '/w'], {}, { homeFolder: undefined }).data.folder).toBe('/w');
  });

  test('~ is the home folder', () => {
    expect(run(['--data', '~/w']).data.folder).toBe('/home/ann/w');
  });
});
