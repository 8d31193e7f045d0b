import { parseEnv } from 'node:util';
import { expect, test } from 'vitest';
import { agentVariables, toEnvFile } from './env-file.ts';

test('an agent’s variables are kept, nobody else’s', () => {
  const environment = {
    WAGGLE_NAME: ' attic ',
    OLLAMA_HOST: '10.0.0.1',
    HF_TOKEN: 'hf_x',
    PORT: '',
    PATH: '/bin',
    HOME: '/home/ann',
    WAGGLE_URL: 'http://server',
    WAGGLE_ADMIN_TOKEN: 'secret',
  };
  expect(agentVariables(environment)).toEqual({ WAGGLE_NAME: 'attic', OLLAMA_HOST: '10.0.0.1', HF_TOKEN: 'hf_x' });
});

test('Node reads every value as it was', () => {
  const variables = {
    A: 'plain',
    B: 'with # and = and  blanks',
    C: `it's`,
    D: 'a "b" `c`',
    E: String.raw`\n $HOME`,
    F: `'"`,
  };
  expect(parseEnv(toEnvFile(variables))).toEqual(variables);
});

test('what cannot be written is refused by name, not by value', () => {
  expect(() => toEnvFile({ HF_TOKEN: '\'"`' })).toThrow(
    /^HF_TOKEN cannot be kept for the service, because of the quotes in it\.$/,
  );
});
