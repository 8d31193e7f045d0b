import { expect, test } from 'vitest';
import { describeFileError } from './file-problem.ts';

test.each([
  ['EACCES', 'this user may not write there'],
  ['EROFS', 'it is on a read-only file system'],
  ['ENOSPC', 'the disk is full'],
  ['ENAMETOOLONG', 'its name is too long'],
])('%s means: %s', (code, words) => {
  expect(describeFileError(Object.assign(new Error('no'), { code }))).toBe(words);
});

test('what has no words of its own is one line of the system’s', () => {
  expect(describeFileError(Object.assign(new Error('EODD: odd\nmore'), { code: 'EODD' }))).toBe('EODD: odd');
  expect(describeFileError('thrown text')).toBe('thrown text');
});
