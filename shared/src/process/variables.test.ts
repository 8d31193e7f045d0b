import { expect, test } from 'vitest';
import { noteUnreadVariables, readVariable } from './variables.ts';

const read = ['WAGGLE_PORT', 'WAGGLE_LOG_LEVEL'];

test('each unread variable is told once, with what was probably meant', () => {
  const environment = { WAGGLE_PROT: '1', WAGGLE_COLOUR: 'red', WAGGLE_PORT: '1', OTHER_PROT: '1' };
  expect(noteUnreadVariables(environment, read)).toEqual([
    'WAGGLE_COLOUR is not read.',
    'WAGGLE_PROT is not read; did you mean WAGGLE_PORT?',
  ]);
});

test('an empty variable is absent, and so is what Kubernetes says of a service called waggle', () => {
  const environment = { WAGGLE_HOST: ' ', WAGGLE_PORT: 'tcp://10.0.0.1:3001', WAGGLE_LOG_LEVEL: ' info ' };
  const names = ['WAGGLE_HOST', 'WAGGLE_PORT', 'WAGGLE_LOG_LEVEL', 'WAGGLE_DATA'];
  expect(names.map((name) => readVariable(environment, name))).toEqual([undefined, undefined, 'info', undefined]);
});

test('nothing is said of an empty one, and of what is read by another program', () => {
  expect(noteUnreadVariables({ WAGGLE_PROT: ' ', WAGGLE_URL: 'server:3001' }, read)).toEqual([]);
});

test('many are a few, and a count', () => {
  const many = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`WAGGLE_SERVICE_THING_${index}`, 'x']));
  const notes = noteUnreadVariables(many, read);
  expect(notes).toHaveLength(6);
  expect(notes.at(-1)).toBe('4 more variables that begin with WAGGLE_ are not read.');
});
