import { describe, expect, test } from 'vitest';
import { compileFake, refusalsOf } from './fake-inputs.ts';

const NO_LABELS = { type: undefined, platform: undefined, capabilities: [] };

test('an agent keeps its labels as they are written', () => {
  const file =
    'nodes: [{ name: NODE_1, host: 127.0.0.1, port: 3005, type: gpu, platform: linux, capabilities: [cuda, 12.1] }]';
  expect(compileFake({ file }).nodes).toEqual([
    {
      kind: 'agent',
      name: 'NODE_1',
      givenName: 'NODE_1',
      host: '127.0.0.1',
      port: 3005,
      labels: { type: 'gpu', platform: 'linux', capabilities: ['cuda', '12.1'] },
      notice: undefined,
    },
  ]);
});

test('an engine gets its key from the environment', () => {
  const file =
    'nodes: [{ name: big, engine: openai-compatible, url: "http://10.0.0.1:8000/v1", apiKeyEnv: BIG_KEY, slots: 32 }]';
  const { nodes, notices } = compileFake({ file, environment: { BIG_KEY: 'k' } });
  const node = { kind: 'engine', name: 'big', dialect: 'openai', url: 'http://10.0.0.1:8000/v1', slots: 32 };
  expect(nodes).toEqual([{ ...node, apiKey: 'k', labels: NO_LABELS }]);
  expect(notices).toEqual([]);
  expect(compileFake({ file }).notices).toEqual([
    'Node big is asked without an API key: the variable BIG_KEY is not set.',
  ]);
});

test('a name that is left out is made of the address', () => {
  const file = 'nodes: [{ host: 10.0.0.1 }, { host: "::1", port: 5 }, { engine: ollama, url: "http://box:11434" }]';
  expect(compileFake({ file }).nodes.map(({ name }) => name)).toEqual(['10.0.0.1-3000', '1-5', 'box-11434']);
});

describe('agents beside a loopback gRPC port', () => {
  const file = 'nodes: [{ name: A, host: 10.0.0.1 }, { name: B, host: 10.0.0.2 }, { name: HERE, host: localhost }]';

  test('give one warning that names both keys, and one on each row', () => {
    const { nodes, notices } = compileFake({ file });
    expect(notices).toEqual([
      'Agents on other machines cannot join yet (A, B): the gRPC port is open to this machine only. ' +
        'Set cluster.host and cluster.joinToken, or start with --lan.',
    ]);
    const rows = nodes.map((node) => (node.kind === 'agent' ? node.notice : ''));
    expect(rows).toEqual([expect.stringMatching(/cluster\.host.*cluster\.joinToken/), expect.any(String), undefined]);
  });

  test('are fine once it is open', () => {
    const { nodes, notices } = compileFake({ file, argv: ['--lan'] });
    expect(notices).toEqual([]);
    expect(nodes).toMatchObject([{ notice: undefined }, { notice: undefined }, { notice: undefined }]);
  });
});

describe('a node with the name of this machine', () => {
  const desk = 'nodes:\n  - engine: ollama\n    url: "http://10.0.0.1"\n    name: this-machine';
  const agent = 'nodes: [{ name: this-machine, host: 127.0.0.1 }]';

  test('is refused by its line where its engine is used from here', () => {
    expect(refusalsOf({ file: desk })).toEqual([
      "config.yaml:4: nodes[0] has the name of this machine's own node, which serves this machine's engines: " +
        'give it another, or start with --no-local.',
    ]);
  });

  test('is told, and not invited, where it is an agent', () => {
    const { nodes, notices } = compileFake({ file: agent });
    expect(notices).toEqual([expect.stringMatching(/^Agent this-machine cannot join: .+ --no-local\.$/)]);
    expect(nodes).toMatchObject([{ notice: expect.stringMatching(/^cannot join: /) }]);
  });

  test('is fine where this machine is no node', () => {
    expect(refusalsOf({ file: desk, argv: ['--no-local'] })).toEqual([]);
    expect(compileFake({ file: agent, argv: ['--no-local'] }).nodes).toMatchObject([{ notice: undefined }]);
  });
});

test.each([
  ['neither form', '{ name: x }', 'nodes[0] needs host (and port) of an agent, or engine and url'],
  ['an engine without an address', '{ engine: ollama }', 'nodes[0] needs url to use an engine without an agent'],
  ['an address without an engine', '{ url: "http://a" }', 'nodes[0] needs engine to use an engine without an agent'],
  ['both forms', '{ engine: ollama, url: "http://a", host: b }', 'nodes[0].host does not go with engine and url'],
  [
    'slots of an agent',
    '{ host: a, slots: 2 }',
    'nodes[0].slots goes with engine and url only; an agent counts its own',
  ],
  [
    'an unknown engine',
    '{ engine: olama, url: "http://a" }',
    'nodes[0].engine must be one of ollama, openai-compatible, not "olama"',
  ],
  ['no address', '{ engine: ollama, url: "http://" }', 'nodes[0].url is no address'],
  ['Waggle itself', '{ engine: ollama, url: "http://127.0.0.1:3001" }', "nodes[0].url is Waggle's own address"],
  [
    'a name with an @',
    '{ name: a@b, host: c }',
    'nodes[0].name must be a name of letters, digits, dot, dash and underscore, not "a@b"',
  ],
  ['a port that is none', '{ host: a, port: 0 }', 'nodes[0].port must be a whole number from 1 to 65535, not 0'],
])('%s is refused', (_, entry, problem) => {
  expect(refusalsOf({ file: `nodes: [${entry}]` })).toEqual([`config.yaml:1: ${problem}.`]);
});

test.each([
  ['{ name: a, host: b }', '{ name: A, host: c }', 'nodes[1] has the name "A" as nodes[0]'],
  ['{ name: a, host: b }', '{ name: c, host: B, port: 3000 }', 'nodes[1] has the same address as nodes[0]'],
  [
    '{ name: a, engine: ollama, url: "http://x/api" }',
    '{ name: b, engine: ollama, url: "http://X" }',
    'nodes[1] has the same address as nodes[0]',
  ],
])('%s and %s are refused together', (first, second, problem) => {
  expect(refusalsOf({ file: `nodes:\n  - ${first}\n  - ${second}` })).toEqual([`config.yaml:3: ${problem}.`]);
});
