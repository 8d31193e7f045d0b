import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fillIn } from './fill-in.ts';

const example = readFileSync(new URL('../../../config.yaml.example', import.meta.url), 'utf8');

test('keys are switched on in their own section, and the rest stays', () => {
  const text = fillIn(
    'server:\n  # host: 127.0.0.1    # where\ncluster:\n  # host: 127.0.0.1    # there\n  ## key: X\n',
    {
      'cluster.host': '0.0.0.0',
      'cluster.key': 'Y',
    },
  );
  expect(text).toBe('server:\n  # host: 127.0.0.1    # where\ncluster:\n  host: 0.0.0.0        # there\n  key: Y\n');
});

test('a key the example does not have is a mistake of ours', () => {
  expect(() => fillIn(example, { 'server.prot': 1 })).toThrow('config.yaml.example has no server.prot');
});
