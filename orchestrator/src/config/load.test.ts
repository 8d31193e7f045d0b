import { describe, expect, test } from 'vitest';
import { ConfigError } from './config-error.ts';
import { compileFake, fakeInputs, refusalsOf } from './fake-inputs.ts';
import { readConfig } from './read-config.ts';

describe('precedence', () => {
  const file = 'server: { port: 1001, host: 127.0.0.1, queueSize: 7 }';

  test('the file beats the defaults', () => {
    expect(compileFake({ file }).server).toMatchObject({ port: 1001, queueSize: 7, readTimeoutMs: 30_000 });
  });

  test('the environment beats the file, flags beat the environment', () => {
    const environment = { WAGGLE_SERVER_PORT: '1002', WAGGLE_SERVER_QUEUE_SIZE: '8' };
    expect(compileFake({ file, environment }).server).toMatchObject({ port: 1002, queueSize: 8 });
    expect(compileFake({ file, environment, argv: ['--port', '1003'] }).server).toMatchObject({
      port: 1003,
      queueSize: 8,
    });
  });

  test('WAGGLE_<KEY> beats the variable of another program', () => {
    const environment = { OLLAMA_HOST: 'http://one', WAGGLE_LOCAL_OLLAMA_HOST: 'http://two:5' };
    expect(compileFake({ environment }).discovery.ollamaUrl).toBe('http://two:5');
  });

  test('an empty variable is none', () => {
    expect(compileFake({ file, environment: { WAGGLE_SERVER_PORT: ' ' } }).server.port).toBe(1001);
  });
});

describe('environment', () => {
  test('names are derived from the path of the key', () => {
    const environment = {
      WAGGLE_CLUSTER_JOIN_TOKEN: 'K10::0123456789abcdef',
      WAGGLE_LIMITS_MAX_BODY_BYTES: '1MiB',
      WAGGLE_SERVER_REMOTE_ADMIN: 'true',
      WAGGLE_SERVER_ORIGINS: 'https://a.example, https://b.example',
      WAGGLE_DATA: '~/kept',
    };
    const config = compileFake({ environment });
    expect(config.cluster.joinToken?.secret).toBe('0123456789abcdef');
    expect(config.limits.maxBodyBytes).toBe(1_048_576);
    expect(config.server).toMatchObject({ remoteAdmin: true, origins: ['https://a.example', 'https://b.example'] });
    expect(config.data).toEqual({ folder: '/home/somebody/kept', source: 'WAGGLE_DATA' });
  });

  test('variables of other programs set what they mean', () => {
    const environment = {
      OLLAMA_ORIGINS: 'https://chat.example,app://*',
      LLAMA_BASE_URL: 'http://10.0.0.1:8000/v1',
      QUEUE_CONCURRENCY: '3',
      OLLAMA_NUM_PARALLEL: '2',
      OLLAMA_MAX_LOADED_MODELS: '0',
      OLLAMA_CONTEXT_LENGTH: '8192',
      MONGODB_URI: 'mongodb://db/logs',
      XDG_DATA_HOME: '/xdg',
    };
    const config = compileFake({ environment });
    expect(config.server.origins).toEqual(['https://chat.example', 'app://*']);
    expect(config.discovery.only).toEqual({ dialect: 'openai', url: 'http://10.0.0.1:8000/v1' });
    expect(config.local.engines).toEqual({ slots: 3, numParallel: 2, contextLength: 8_192 });
    expect(config.notices).toEqual(['mongodb is not used yet: nothing is recorded there.']);
    expect(config.data.folder).toBe('/xdg/waggle');
  });

  test('what is wrong in the variable of another program is told without the key, which nobody wrote', () => {
    const wordsFor = (name: string, text: string) => refusalsOf({ environment: { [name]: text } });
    expect(wordsFor('LLAMA_BASE_URL', 'http://')).toEqual(['LLAMA_BASE_URL: is no address.']);
    expect(wordsFor('LLAMA_BASE_URL', 'localhost:3001')).toEqual(["LLAMA_BASE_URL: is Waggle's own address."]);
    expect(wordsFor('OLLAMA_HOST', 'a b')).toEqual(['OLLAMA_HOST: must be an address such as 127.0.0.1:11434.']);
    expect(wordsFor('QUEUE_CONCURRENCY', 'x')).toEqual([
      'QUEUE_CONCURRENCY: must be a whole number from 1 to 100000, not "x".',
    ]);
    expect(refusalsOf({ file: 'local: { engineUrl: "http://" }' })).toEqual([
      'config.yaml:1: local.engineUrl is no address.',
    ]);
  });

  test('models and nodes are set as a whole, in YAML or JSON', () => {
    const environment = {
      WAGGLE_MODELS: '{fast: [a, b]}',
      WAGGLE_NODES: '[{"engine":"ollama","url":"http://10.0.0.1"}]',
    };
    const config = compileFake({ file: 'models: { slow: c }', environment });
    expect(config.aliases).toEqual({ fast: ['a', 'b'] });
    expect(config.nodes).toMatchObject([{ name: '10.0.0.1', url: 'http://10.0.0.1' }]);
  });

  test('what is wrong in a variable is told with its name', () => {
    expect(refusalsOf({ environment: { WAGGLE_SERVER_PORT: 'x' } })).toEqual([
      'WAGGLE_SERVER_PORT: server.port must be a whole number from 0 to 65535, not "x".',
    ]);
    expect(refusalsOf({ file: '\n\nmodels: { a: 1 }', environment: { WAGGLE_MODELS: '{a: 1}' } })).toEqual([
      'WAGGLE_MODELS: models.a must be a model name, a list of model names, or a mapping of settings, not 1.',
    ]);
    expect(refusalsOf({ environment: { WAGGLE_NODES: '[{]' } })[0]).toMatch(
      /^WAGGLE_NODES: is not valid YAML \(.+\)\.$/,
    );
  });

  test('each flag has a variable of its name; the full name of the key beats it', () => {
    const environment = {
      WAGGLE_PORT: '4000',
      WAGGLE_HOST: '::1',
      WAGGLE_GRPC_PORT: '4001',
      WAGGLE_LAN: '1',
      WAGGLE_NO_LOCAL: 'true',
      WAGGLE_LOG_LEVEL: 'debug',
    };
    const config = compileFake({ environment });
    expect(config).toMatchObject({
      server: { port: 4000, host: '::1' },
      cluster: { grpcPort: 4001, needsMadeToken: true },
      local: { enabled: false },
      logging: { level: 'debug' },
      notices: [],
    });
    const both = { ...environment, WAGGLE_SERVER_PORT: '5000', WAGGLE_NO_LOCAL: '0' };
    expect(compileFake({ environment: both })).toMatchObject({ server: { port: 5000 }, local: { enabled: true } });
    expect(compileFake({ environment: both, argv: ['--port', '6000'] }).server.port).toBe(6000);
    expect(refusalsOf({ environment: { WAGGLE_PORT: 'x', WAGGLE_NO_LOCAL: 'maybe' } })).toEqual([
      'WAGGLE_PORT: server.port must be a whole number from 0 to 65535, not "x".',
      'WAGGLE_NO_LOCAL: local.enabled must be true or false, not "maybe".',
    ]);
  });

  test('the join token may come by the name that agents know it by', () => {
    const environment = { WAGGLE_JOIN_TOKEN: 'K10::0123456789abcdef' };
    expect(compileFake({ environment }).cluster.joinToken?.secret).toBe('0123456789abcdef');
  });

  test('a variable that is not read is noticed, with the one that was probably meant', () => {
    const environment = { WAGGLE_SERVER_PROT: '1', WAGGLE_TOKEN_FILE_OF_SOMEBODY: 'x', WAGGLE_CONFIG: '' };
    expect(compileFake({ environment }).notices).toEqual([
      'WAGGLE_SERVER_PROT is not read; did you mean WAGGLE_SERVER_PORT?',
      'WAGGLE_TOKEN_FILE_OF_SOMEBODY is not read.',
    ]);
  });
});

describe('OLLAMA_ORIGINS', () => {
  const environment = { OLLAMA_ORIGINS: 'https://b.example, https://c.example' };
  const originsOf = (file: string, more: Record<string, string> = {}) =>
    compileFake({ file, environment: { ...environment, ...more } }).server.origins;

  test('adds to the origins of the file, and to none', () => {
    const both = ['https://a.example', 'https://b.example', 'https://c.example'];
    expect(originsOf('server: { origins: ["https://a.example"] }')).toEqual(both);
    expect(originsOf('server: { origins: "https://a.example" }')).toEqual(both);
    expect(originsOf('server: { origins: }')).toEqual(both.slice(1));
    expect(originsOf('')).toEqual(both.slice(1));
  });

  test('gives way to our own variable, as the file does', () => {
    expect(
      originsOf('server: { origins: ["https://a.example"] }', { WAGGLE_SERVER_ORIGINS: 'https://d.example' }),
    ).toEqual(['https://d.example']);
  });

  test('is named beside the file where an origin is wrong', () => {
    expect(refusalsOf({ file: 'server: { origins: [https://a.example, nonsense] }', environment })[0]).toMatch(
      /^config\.yaml:1 with OLLAMA_ORIGINS: server\.origins must be /,
    );
  });
});

describe('the file', () => {
  test('none, an empty one, one of comments and keys without values are all the defaults', () => {
    const { file: _, ...defaults } = compileFake();
    for (const file of ['', '# nothing', 'server:\n  # port: 1\nmodels:\nnodes:\nmongodb:\ncluster: { joinToken: }']) {
      expect(compileFake({ file })).toEqual({ ...defaults, file: '/somewhere/config.yaml' });
    }
  });

  test.each([
    [
      'a duplicate key',
      'server:\n  port: 1\n  port: 2',
      ['config.yaml:3: "server.port" is given twice, first at config.yaml:2.'],
    ],
    [
      'an unknown key',
      'server:\n  prot: 1',
      ['config.yaml:2: "server.prot" is not a known key; did you mean "server.port"?'],
    ],
    [
      'a key in the wrong section',
      'readTimeout: 1',
      ['config.yaml:1: "readTimeout" is not a known key; did you mean "server.readTimeout"?'],
    ],
    ['an unknown section', '\ncolours: {}', ['config.yaml:2: "colours" is not a known key.']],
    [
      'an unknown key of a node',
      'nodes:\n  - host: a\n    hots: b',
      ['config.yaml:3: "nodes[0].hots" is not a known key; did you mean "nodes[0].host"?'],
    ],
    [
      'a wrong value',
      'server:\n\n  port: many',
      ['config.yaml:3: server.port must be a whole number from 0 to 65535, not "many".'],
    ],
    [
      'a wrong duration',
      'limits: { stallMax: soon }',
      [
        'config.yaml:1: limits.stallMax must be a time from 100ms to 24h, written as 30 (seconds), 500ms, 10m or 1h, not "soon".',
      ],
    ],
    [
      'a size out of range',
      'limits:\n  maxBodyBytes: 2GiB',
      [
        'config.yaml:2: limits.maxBodyBytes must be a size from 1KiB to 1GiB, written as 65536 (bytes), 64MiB or 1GB, not "2GiB".',
      ],
    ],
    ['a list for a section', 'server: [1]', ['config.yaml:1: server must be a mapping of keys to values.']],
    ['a list for the whole', '\n- 1', ['config.yaml:2: the configuration must be a mapping of keys to values.']],
    [
      'two documents',
      'server: {}\n---\nserver: {}',
      ['config.yaml:2: begins a second YAML document; only one is read.'],
    ],
    ['broken YAML', 'server:\n  port: [1', [expect.stringMatching(/^config\.yaml:2: is not valid YAML \(.+\)\.$/)]],
    [
      'a tag',
      'server: { host: !!js/function "x" }',
      [expect.stringMatching(/^config\.yaml:1: is not valid YAML \(.+\)\.$/)],
    ],
    ['a prototype', '__proto__: { server: 1 }', ['config.yaml:1: the file has a key that cannot be used.']],
    ['a mapping as key', 'server: { ? {a: 1} : 2 }', ['config.yaml:1: "server" has a key that cannot be used.']],
  ])('%s is refused by key and line', (_, file, messages) => {
    expect(refusalsOf({ file })).toEqual(messages);
  });

  test('all problems are told, each with its place', () => {
    const file = 'server:\n  prot: 1\n  host: "a b"\ncluster:\n  lan: perhaps';
    expect(refusalsOf({ file }).map((message) => message.split(':').slice(0, 2).join(':'))).toEqual([
      'config.yaml:2',
      'config.yaml:3',
      'config.yaml:5',
    ]);
  });

  test('an error tells key, source and what is expected apart', () => {
    try {
      compileFake({ file: 'server: { port: -1 }' });
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      expect(error).toMatchObject({
        key: 'server.port',
        source: 'config.yaml:1',
        expected: 'a whole number from 0 to 65535',
      });
    }
  });

  test.each([
    'mongodb: { uri: hunter2 }',
    'mongodb: "mongodb://user:hunter2@host"',
    'cluster: { joinToken: hunter2 }',
    'cluster: { joinToken: [hunter2] }',
    'nodes: [{ engine: ollama, url: "http://me:hunter2@host" }]',
    'local: { engineUrl: "http://me:hunter2@host" }',
  ])('a secret is not repeated: %s', (file) => {
    const refusals = refusalsOf({ file });
    expect(refusals).toHaveLength(1);
    expect(refusals.join()).not.toContain('hunter2');
  });

  test('aliases work, endless ones are refused', () => {
    expect(compileFake({ file: 'models: { a: &list [x, y], b: *list }' }).aliases).toEqual({
      a: ['x', 'y'],
      b: ['x', 'y'],
    });
    const bomb = [
      'a0: &a0 [x,x,x,x,x,x,x,x,x]',
      ...Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`),
    ];
    expect(refusalsOf({ file: bomb.join('\n') })).toEqual([expect.stringContaining('nested too deeply or too long')]);
    expect(refusalsOf({ file: 'models: &m { a: *m }' })).toEqual([
      expect.stringContaining('nested too deeply or too long'),
    ]);
  });

  test('absurd nesting and size are refused', () => {
    expect(refusalsOf({ file: `models: ${'['.repeat(200_000)}` })).toHaveLength(1);
    expect(refusalsOf({ file: `models: ${'[ '.repeat(40)}${' ]'.repeat(40)}` })).toEqual([
      expect.stringContaining('nested too deeply'),
    ]);
    expect(refusalsOf({ file: `# ${'x'.repeat(2_000_000)}` })).toEqual(['config.yaml:1: is larger than 1 MiB.']);
  });

  test('--config beats WAGGLE_CONFIG, and lines are told by the name that was given', () => {
    const texts: Record<string, string> = {
      '/somewhere/lab.yaml': 'server: { port: 1 }',
      '/etc/w.yaml': 'server: { port: x }',
    };
    const read = (argv: string[]) =>
      readConfig({
        ...fakeInputs({ argv, environment: { WAGGLE_CONFIG: '/etc/w.yaml' } }),
        readText: (path) => texts[path],
      });
    expect(read(['--config', 'lab.yaml'])).toMatchObject({
      config: { file: '/somewhere/lab.yaml', server: { port: 1 } },
    });
    expect(() => read([])).toThrow('/etc/w.yaml:1: server.port must be');
  });

  test('one that cannot be read is refused in words', () => {
    const readText = () => {
      throw Object.assign(new Error('EISDIR: illegal operation on a directory, read'), { code: 'EISDIR' });
    };
    expect(() => readConfig({ ...fakeInputs(), readText })).toThrow(ConfigError);
    expect(() => readConfig({ ...fakeInputs(), readText })).toThrow('config.yaml: cannot be read (EISDIR');
  });
});
