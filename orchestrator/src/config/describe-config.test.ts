import { expect, test } from 'vitest';
import { fakeInputs } from './fake-inputs.ts';
import { readConfig } from './read-config.ts';

function check(file: string | undefined, ...argv: string[]) {
  const outcome = readConfig(fakeInputs({ ...(file !== undefined && { file }), argv: ['--check-config', ...argv] }));
  if (outcome.kind !== 'check') throw new Error(`asked for ${outcome.kind}`);
  return outcome;
}

const file = `
server: { port: 4000, readTimeout: 90, queueSize: 512 }
cluster: { lan: true, joinToken: K10::0123456789abcdef }
limits: { maxBodyBytes: 128MiB }
models: { fast: [a, b], qwen3:4b: { keepAlive: forever } }
nodes: [{ engine: ollama, url: http://box:11434 }]
`;

test('what differs from the defaults is told as one would write it, with who says so; secrets are not', () => {
  const { text, isValid } = check(file, '--json', '--log-level', 'debug');
  expect(isValid).toBe(true);
  expect(JSON.parse(text)).toEqual({
    valid: true,
    file: '/somewhere/config.yaml',
    problems: [],
    places: {
      clients: 'http://127.0.0.1:4000',
      agents: '0.0.0.0:50051, with a join token',
      data: '/home/somebody/.local/share/waggle',
    },
    values: [
      { key: 'server.port', value: 4000, source: 'config.yaml:2' },
      { key: 'server.readTimeout', value: '1m30s', source: 'config.yaml:2' },
      { key: 'cluster.lan', value: true, source: 'config.yaml:3' },
      { key: 'cluster.joinToken', value: '(secret)', source: 'config.yaml:3' },
      { key: 'limits.maxBodyBytes', value: '128MiB', source: 'config.yaml:4' },
      { key: 'models.fast', value: ['a', 'b'], source: 'config.yaml:5' },
      { key: 'models.qwen3:4b.keepAlive', value: 'forever', source: 'config.yaml:5' },
      { key: 'nodes[0].engine', value: 'ollama', source: 'config.yaml:6' },
      { key: 'nodes[0].url', value: 'http://box:11434', source: 'config.yaml:6' },
      { key: 'logging.level', value: 'debug', source: '--log-level' },
    ],
    notices: [],
  });
  const { text: shown } = check(file);
  expect(shown).toMatch(/^\/somewhere\/config.yaml: nothing wrong\.\n\n {2}clients at {3}http:\/\/127.0.0.1:4000\n/);
  expect(shown).toMatch(/^ {2}models\.fast: \[a, b\] +config\.yaml:5$/m);
  expect(shown).not.toContain('0123456789abcdef');
});

test('no file, and an empty one, are the defaults', () => {
  expect(check(undefined).text).toMatch(
    /^No configuration file: nothing wrong\.[^]*\nEverything is as it is by default/,
  );
  expect(check('').text).toContain('Everything is as it is by default');
});

test('what is wrong is told with key and line, all of it, and nothing else', () => {
  const wrong = 'server:\n  prot: 4000\n  host: a b\n';
  expect(check(wrong)).toEqual({
    kind: 'check',
    isValid: false,
    text:
      'config.yaml:2: "server.prot" is not a known key; did you mean "server.port"?\n' +
      'config.yaml:3: server.host must be an IP address or a host name, not "a b".\n',
  });
  expect(JSON.parse(check(wrong, '--json').text)).toMatchObject({
    valid: false,
    problems: [{ key: 'server.prot', source: 'config.yaml:2' }, { key: 'server.host' }],
    values: [],
  });
});

test('--json goes with it only', () => {
  expect(() => readConfig(fakeInputs({ argv: ['--json'] }))).toThrow('--json: goes with --check-config.');
});
