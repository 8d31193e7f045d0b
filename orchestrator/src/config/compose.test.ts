// docker-compose.yml is what people start: its variables must be read, and its secret must not be seen by who lists processes.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { compileFake } from './fake-inputs.ts';

interface Compose {
  readonly services: Readonly<
    Record<string, { readonly command?: unknown; readonly environment: Readonly<Record<string, string>> }>
  >;
}

const secret = '0123456789abcdef';
const text = readFileSync(new URL('../../../docker-compose.yml', import.meta.url), 'utf8');
const { services } = parse(text.replaceAll(/\$\{WAGGLE_JOIN_TOKEN[^}]*\}/g, `K10::${secret}`)) as Compose;

test('the orchestrator reads all that it is given', () => {
  const config = compileFake({ environment: services['orchestrator']?.environment ?? {} });
  expect(config.cluster).toMatchObject({ isLoopback: false, joinToken: { secret } });
  expect(config.notices).toEqual(['mongodb is not used yet: nothing is recorded there.']);
});

test('the join token is in no command line', () => {
  expect(services['agent']?.environment).toMatchObject({ WAGGLE_JOIN_TOKEN: `K10::${secret}` });
  for (const { command } of Object.values(services)) expect(JSON.stringify(command ?? '')).not.toContain(secret);
});
