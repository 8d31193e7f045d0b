import { expect, test } from 'vitest';
import { knownKeys, withKnownKeys } from './known-keys.ts';

const known = knownKeys('model stream _debug', {
  messages: knownKeys('role content', { tool_calls: knownKeys('id') }),
  options: knownKeys(''),
});

test.each([
  ['other case', '{"Model":"a","STREAM":false}', '{"model":"a","stream":false}'],
  ['the last of several', '{"model":"a","MODEL":"b"}', '{"model":"b"}'],
  ['the last of several, exact', '{"MODEL":"b","model":"a"}', '{"model":"a"}'],
  ['null says nothing', '{"model":"a","MODEL":null}', '{"model":"a"}'],
  ['null alone', '{"MODEL":null}', '{"model":null}'],
  [
    'below',
    '{"messages":[{"role":"user"},{"Role":"user","CONTENT":"a","tool_calls":[{"ID":1}]}]}',
    '{"messages":[{"role":"user"},{"role":"user","content":"a","tool_calls":[{"id":1}]}]}',
  ],
  ['below a key of other case', '{"Messages":[{"Role":"user"}]}', '{"messages":[{"role":"user"}]}'],
  ['the letters Go folds', '{"\u017ftream":1}', '{"stream":1}'],
  [
    'unknown keys stay',
    '{"Model":"a","Other":1,"__proto__":{"model":2}}',
    '{"model":"a","Other":1,"__proto__":{"model":2}}',
  ],
])('%s', (_, given, expected) => {
  expect(JSON.stringify(withKnownKeys(JSON.parse(given), known))).toBe(expected);
});

test.each([
  '{"model":"a","stream":true,"other":{"Model":1},"Other":1}',
  '{"options":{"NUM_CTX":1,"Model":2}}',
  '{"messages":[{"role":"user","content":"Model"},null,5],"model":null}',
  '{"messages":"Role","straße":1}',
  '[]',
  'null',
  '"Model"',
])('%s needs no change', (text) => {
  const value: unknown = JSON.parse(text);
  expect(withKnownKeys(value, known)).toBe(value);
});
