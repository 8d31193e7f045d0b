import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { ConfigError } from './config-error.ts';
import { fakeInputs } from './fake-inputs.ts';
import { environmentName, listKeys } from './key-index.ts';
import { readConfig } from './read-config.ts';
import { configSchema } from './schema.ts';

const keys = listKeys(configSchema).map(({ path }) => path);
const names = [...new Set(keys.flat())].filter((name) => !/[[<]/.test(name));

const scalar = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constantFrom(
    null,
    '30s',
    '64MiB',
    '0.0.0.0',
    'K10::0123456789abcdef',
    'http://box/v1',
    'ollama',
    'fast',
    '~',
    '/',
  ),
);
const name = fc.oneof(fc.constantFrom(...names), fc.constantFrom('fast', '__proto__', 'constructor', ''), fc.string());
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalar, tie('list'), tie('mapping')),
  list: fc.array(tie('tree'), { maxLength: 4 }),
  mapping: fc.dictionary(name, tie('tree'), { maxKeys: 6 }),
}));
// Shaped like a configuration, so that many get past the schema to the checks behind it.
const facts = listKeys(configSchema).filter(({ path }) => path.length === 2 && !/[[<]/.test(path[1] ?? ''));
const setting = fc
  .constantFrom(...facts)
  .chain(({ path, defaultValue }) =>
    fc
      .oneof({ weight: 4, arbitrary: fc.constant(defaultValue ?? '1') }, { weight: 1, arbitrary: scalar })
      .map((value) => ({ path, value })),
  );
const nodes = fc.array(
  fc.record(
    {
      name: fc.constantFrom('a', 'A', 'b'),
      host: fc.constantFrom('a', '10.0.0.1', '::1'),
      engine: fc.constantFrom('ollama', 'openai-compatible'),
      url: fc.oneof(fc.webUrl(), fc.constantFrom('http://a', 'a:3001/v1', '127.0.0.1:3001')),
      slots: fc.integer({ min: 0, max: 4 }),
    },
    { requiredKeys: [] },
  ),
  { maxLength: 3 },
);
const alias = fc.constantFrom('a', 'b', 'c', 'a:latest');
const models = fc.dictionary(alias, fc.oneof(alias, fc.array(alias, { maxLength: 3 })), { maxKeys: 3 });
const nearlyRight = fc
  .tuple(fc.array(setting, { maxLength: 6 }), nodes, models)
  .map(([settings, nodeEntries, aliases]) => {
    const sections: Record<string, Record<string, unknown>> = {};
    for (const { path, value } of settings) {
      const [section = '', key = ''] = path;
      sections[section] = { ...sections[section], [key]: value };
    }
    return { ...sections, nodes: nodeEntries, models: aliases };
  });
const file = fc.oneof(
  fc.string(),
  fc.string({ unit: fc.constantFrom(...Array.from('{}[]:,-#&*!|>\'"%@` \n\ta1')) }),
  tree.map((value) => stringify(value)),
  { weight: 3, arbitrary: nearlyRight.map((value) => stringify(value)) },
);
const variable = fc.constantFrom(
  'OLLAMA_HOST',
  'OLLAMA_ORIGINS',
  'LLAMA_BASE_URL',
  'QUEUE_CONCURRENCY',
  'XDG_DATA_HOME',
  ...keys.map(environmentName),
);
const someVariables = fc.dictionary(
  variable,
  fc.oneof(
    scalar.map(String),
    tree.map((value) => JSON.stringify(value) ?? ''),
  ),
  { maxKeys: 3 },
);
const environment = fc.oneof(fc.constant({}), someVariables);
const someArguments = fc.array(
  fc.oneof(
    fc.constantFrom('--port', '--lan', '--data', '--no-local', '--host', '--log-level', '--', '-h'),
    fc.string(),
  ),
  { maxLength: 3 },
);

const argv = fc.oneof(fc.constant([]), someArguments);

test('whatever it is given, it compiles or is refused in one sentence', () => {
  let accepted = 0;
  const property = fc.property(file, environment, argv, (text, variables, args) => {
    try {
      const outcome = readConfig(fakeInputs({ file: text, environment: variables, argv: args }));
      if (outcome.kind === 'run') accepted += 1;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const { message, source } of [error, ...error.also]) {
        expect(message).toMatch(/^[^\p{Cc}]+[.?!]$/u);
        expect(source).not.toBe('');
      }
    }
  });
  fc.assert(property, { numRuns: 1_500 });
  // Many are refused by the first check there is; these went through all of them.
  expect(accepted).toBeGreaterThan(10);
});
