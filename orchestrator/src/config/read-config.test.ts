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
// Shaped like a configuration, so that many get past the schema: one value for some of its keys.
const nearlyRight = fc
  .array(fc.tuple(fc.constantFrom(...keys.filter((path) => path.length === 2 && path[1] !== '[]')), scalar), {
    maxLength: 6,
  })
  .map((entries) => {
    const sections: Record<string, Record<string, unknown>> = {};
    for (const [[section = '', key = ''], value] of entries) sections[section] = { ...sections[section], [key]: value };
    return sections;
  });
const file = fc.oneof(
  fc.string(),
  fc.string({ unit: fc.constantFrom(...Array.from('{}[]:,-#&*!|>\'"%@` \n\ta1')) }),
  tree.map((value) => stringify(value)),
  nearlyRight.map((value) => stringify(value)),
);
const variable = fc.constantFrom(
  'OLLAMA_HOST',
  'OLLAMA_ORIGINS',
  'LLAMA_BASE_URL',
  'QUEUE_CONCURRENCY',
  'XDG_DATA_HOME',
  ...keys.map(environmentName),
);
const environment = fc.dictionary(
  variable,
  fc.oneof(
    scalar.map(String),
    tree.map((value) => JSON.stringify(value) ?? ''),
  ),
  { maxKeys: 3 },
);
const argv = fc.array(
  fc.oneof(
    fc.constantFrom('--port', '--lan', '--data', '--no-local', '--host', '--log-level', '--', '-h'),
    fc.string(),
  ),
  { maxLength: 3 },
);

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
  expect(accepted).toBeGreaterThan(0);
});
