import { describe, expect, test } from 'vitest';
import { compileFake, fakeInputs, refusalsOf } from './fake-inputs.ts';
import { readConfig } from './read-config.ts';

const TOKEN = 'K10::0123456789abcdef';

test('without anything it is complete, in plain units, and frozen to the ground', () => {
  const config = compileFake();
  expect(config.server).toEqual({
    host: '127.0.0.1',
    port: 3001,
    basePath: '',
    readTimeoutMs: 30_000,
    writeTimeoutMs: 30_000,
    headersTimeoutMs: 10_000,
    keepAliveTimeoutMs: 75_000,
    drainTimeoutMs: 30_000,
    maxHeaderBytes: 16_384,
    maxConnections: 10_000,
    queueSize: 512,
    concurrency: undefined,
    origins: [],
    hosts: [],
    remoteAdmin: false,
  });
  expect(config.cluster).toEqual({
    host: '127.0.0.1',
    grpcPort: 50_051,
    isLoopback: true,
    joinToken: undefined,
    needsMadeToken: false,
    advertise: undefined,
  });
  expect(config.limits).toMatchObject({
    maxBodyBytes: 67_108_864,
    heldBytes: 268_435_456,
    lanesPerNode: 1_024,
    firstEventMaxMs: 600_000,
    stallMaxMs: 300_000,
  });
  expect(config).toMatchObject({
    nodes: [],
    logging: { level: 'info', maxLinesPerSecond: 500, file: undefined },
    notices: [],
    file: undefined,
  });
  expect(config.data).toEqual({ folder: '/home/somebody/.local/share/waggle', source: 'default' });
  expect(config.discovery).toEqual({ only: undefined, ollamaUrl: 'http://127.0.0.1:11434' });
  expect(config.local).toEqual({
    enabled: true,
    name: 'this-machine',
    engines: {},
    builtin: { hub: { endpoint: 'https://huggingface.co', token: undefined } },
  });
  expect(unfrozenParts(compileFake({ file: 'models: { a: b }\nnodes: [{ host: h, capabilities: [c] }]' }))).toEqual([]);
});

function unfrozenParts(value: unknown, path = 'config'): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const inner = Object.entries(value).flatMap(([key, part]) => unfrozenParts(part, `${path}.${key}`));
  return Object.isFrozen(value) ? inner : [path, ...inner];
}

test('an alias that is not there is not found among the members of every object', () => {
  expect(compileFake().aliases['constructor']).toBeUndefined();
});

describe('gRPC beyond loopback', () => {
  test.each(['0.0.0.0', '192.168.1.2', '::'])('on %s needs a token', (host) => {
    expect(refusalsOf({ file: `cluster:\n  host: "${host}"` })).toEqual([
      `config.yaml:2: cluster.host ${host} opens the gRPC port to other machines, which needs cluster.joinToken, or --lan, which makes one.`,
    ]);
    const { cluster } = compileFake({ file: `cluster: { host: "${host}", joinToken: "${TOKEN}" }` });
    expect(cluster).toMatchObject({
      host,
      isLoopback: false,
      needsMadeToken: false,
      joinToken: { secret: '0123456789abcdef' },
    });
  });

  test.each(['127.0.0.1', 'localhost', '::1'])('on %s it needs none', (host) => {
    expect(compileFake({ file: `cluster: { host: "${host}" }` }).cluster).toMatchObject({ host, isLoopback: true });
  });

  test('--lan opens it and makes a token only where none is given', () => {
    expect(compileFake({ argv: ['--lan'] }).cluster).toMatchObject({
      host: '0.0.0.0',
      isLoopback: false,
      needsMadeToken: true,
    });
    const given = compileFake({ argv: ['--lan'], file: `cluster: { joinToken: "${TOKEN}" }` });
    expect(given.cluster).toMatchObject({
      host: '0.0.0.0',
      needsMadeToken: false,
      joinToken: { secret: '0123456789abcdef' },
    });
  });

  test('--lan leaves a chosen interface alone', () => {
    const { cluster } = compileFake({ argv: ['--lan'], file: 'cluster: { host: 192.168.1.2 }' });
    expect(cluster).toMatchObject({ host: '192.168.1.2', needsMadeToken: true });
  });

  test('a bad token is refused in words', () => {
    expect(refusalsOf({ file: 'cluster:\n  joinToken: abc' })).toEqual([
      'config.yaml:2: cluster.joinToken must begin with K10, in the form K10::SECRET.',
    ]);
  });
});

describe('contradictions', () => {
  test.each([
    ['one port twice', 'server: { port: 50051 }', 'config.yaml:1: server.port and cluster.grpcPort are both 50051.'],
    [
      'a body that could never be held',
      'limits:\n  heldBytes: 1MiB',
      'config.yaml:2: limits.heldBytes (1048576) must not be below limits.maxBodyBytes (67108864).',
    ],
    [
      'a stream that is larger than its node',
      'limits: { streamBufferBytes: 128MiB }',
      'config.yaml:1: limits.nodeBufferBytes (67108864) must not be below limits.streamBufferBytes (134217728).',
    ],
    [
      'the own address as engine',
      'local: { engineUrl: "http://localhost:3001" }',
      "config.yaml:1: local.engineUrl is Waggle's own address.",
    ],
    [
      'an address nobody can dial',
      'cluster: { advertise: 0.0.0.0 }',
      'config.yaml:1: cluster.advertise must be HOST or HOST:PORT that agents can dial.',
    ],
    [
      'an address without a port',
      'cluster: { advertise: box, grpcPort: 0 }',
      'config.yaml:1: cluster.advertise must name a port, because cluster.grpcPort is 0.',
    ],
  ])('%s is refused', (_, file, message) => {
    expect(refusalsOf({ file })).toEqual([message]);
  });

  test('any free port may be asked for twice', () => {
    expect(compileFake({ file: 'server: { port: 0 }\ncluster: { grpcPort: 0 }' }).server.port).toBe(0);
  });

  test('without a home folder data needs a place', () => {
    const homeless = (argv: string[]) => readConfig({ ...fakeInputs({ argv }), homeFolder: undefined });
    expect(() => homeless([])).toThrow('this user has no home folder to keep data in; name one with --data DIR.');
    expect(homeless(['--data', '/d'])).toMatchObject({ config: { data: { folder: '/d' } } });
  });
});

test.each([
  ['/', ''],
  ['/waggle', '/waggle'],
  ['/a/b/', '/a/b'],
])('the base path %s is %j in front of a route', (written, basePath) => {
  expect(compileFake({ file: `server: { basePath: ${written} }` }).server.basePath).toBe(basePath);
});

test.each(['waggle', '//', '/a b', '/a//b', '/%61'])('%j is no base path', (written) => {
  expect(refusalsOf({ file: `server: { basePath: "${written}" }` })).toHaveLength(1);
});

test.each([
  ['192.168.1.2:50051', '192.168.1.2:50051'],
  ['192.168.1.2', '192.168.1.2:50051'],
  ['fe80::1', '[fe80::1]:50051'],
])('agents are told to dial %s as %s', (written, advertise) => {
  expect(compileFake({ file: `cluster: { advertise: "${written}" }` }).cluster.advertise).toBe(advertise);
});

test("an OLLAMA_HOST that was set for Waggle's clients is not taken for an engine", () => {
  const { discovery, notices } = compileFake({ environment: { OLLAMA_HOST: '127.0.0.1:3001' } });
  expect(discovery.ollamaUrl).toBe('http://127.0.0.1:11434');
  expect(notices).toEqual(["OLLAMA_HOST names Waggle's own address; Ollama is looked for at 127.0.0.1:11434 instead."]);
});

test('paths in the file are relative to it, others to the folder of the start', () => {
  const file = 'logging: { file: logs/w.log }\ndata: kept';
  expect(compileFake({ file }).logging.file).toEqual({
    path: '/somewhere/logs/w.log',
    maxBytes: 67_108_864,
    maxFiles: 5,
  });
  expect(compileFake({ file }).data).toEqual({ folder: '/somewhere/kept', source: 'config.yaml:2' });
  expect(compileFake({ file, argv: ['--data', 'x'] }).data).toEqual({ folder: '/somewhere/x', source: '--data' });
});
