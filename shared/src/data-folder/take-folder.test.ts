import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { takeFolder } from './take-folder.ts';

const isWindows = process.platform === 'win32';
let base: string;

beforeEach(() => {
  base = mkdtempSync(path.join(tmpdir(), 'waggle-take-'));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

function failure(folder: string): string {
  const taken = takeFolder(folder);
  if (taken.kind === 'taken') taken.lock[Symbol.dispose]();
  if (taken.kind !== 'failed') throw new Error(`${folder} was ${taken.kind}`);
  return taken.problem;
}

test('is made with all above it, for one process and this user alone', () => {
  const folder = path.join(base, 'a', 'b');
  const taken = takeFolder(folder);
  if (taken.kind !== 'taken') throw new Error(taken.problem);
  if (!isWindows) {
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(path.dirname(folder)).mode & 0o777).toBe(0o700);
  }
  expect(takeFolder(folder)).toEqual({
    kind: 'held',
    problem: expect.stringMatching(
      /^the data folder .+b is in use by another Waggle \(process \d+ on .+, since .+\); stop that one, or name another folder with --data DIR$/,
    ),
  });
  taken.lock[Symbol.dispose]();
  const again = takeFolder(folder);
  expect(again).toMatchObject({ kind: 'taken' });
  if (again.kind === 'taken') again.lock[Symbol.dispose]();
});

test('a file in its place, or on the way to it, is told in words', () => {
  const file = path.join(base, 'file');
  writeFileSync(file, '');
  for (const folder of [file, path.join(file, 'below'), path.join(file, 'far', 'below')]) {
    expect(failure(folder)).toBe(
      `the data folder ${folder} cannot be used: a file stands in its way; name another with --data DIR`,
    );
  }
});

test('a name that is too long is told in words', () => {
  expect(failure(path.join(base, 'n'.repeat(300)))).toContain('its name is too long');
  expect(failure(path.join(base, ...Array.from({ length: 3_000 }, () => 'nn')))).toContain('its name is too long');
});

// Windows lets only administrators make links.
test.skipIf(isWindows)('links that go round in a circle, or nowhere, are told in words', () => {
  symlinkSync('round', path.join(base, 'round'));
  expect(failure(path.join(base, 'round', 'x'))).toContain('its links go round in a circle');
  symlinkSync('nowhere', path.join(base, 'broken'));
  expect(failure(path.join(base, 'broken'))).toContain('a file stands in its way');
});

test('a folder in the place of the lock is told in words', () => {
  mkdirSync(path.join(base, 'waggle.lock'));
  expect(failure(base)).toContain('no file can be made in it');
});

test.runIf(process.platform === 'linux').each(['/proc', '/proc/none', '/proc/none/x', '/proc/self/x', '/dev/null/x'])(
  '%s is told in words',
  (folder) => {
    expect(failure(folder)).toMatch(
      /cannot be used: (it cannot be made|no file can be made in it|a file stands in its way);/,
    );
  },
);
