import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readOrMakeSecret } from './secret-file.ts';

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'waggle-secret-'));
  file = path.join(folder, 'secret');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('is made once, complete, and nothing stays beside it', () => {
  expect(readOrMakeSecret(file, () => 'one')).toBe('one');
  expect(readOrMakeSecret(file, () => 'two')).toBe('one');
  expect(readFileSync(file, 'utf8')).toBe('one\n');
  expect(readdirSync(folder)).toEqual(['secret']);
});

test('what a start that died left half-written does not count', () => {
  writeFileSync(`${file}.new`, 'half');
  expect(readOrMakeSecret(file, () => 'whole')).toBe('whole');
});

test('one of another form is made again where the caller says so', () => {
  writeFileSync(file, 'broken');
  expect(readOrMakeSecret(file, () => 'id')).toBe('broken');
  expect(
    readOrMakeSecret(
      file,
      () => 'id',
      (text) => text === 'id',
    ),
  ).toBe('id');
  expect(readFileSync(file, 'utf8')).toBe('id\n');
});

// Windows has no file modes; there the folder of the user protects it.
test.skipIf(process.platform === 'win32')('nobody else may read it, also after a careless copy', () => {
  const mode = () => (statSync(file).mode & 0o777).toString(8);
  readOrMakeSecret(file, () => 'x');
  expect(mode()).toBe('600');
  chmodSync(file, 0o644);
  readOrMakeSecret(file, () => 'x');
  expect(mode()).toBe('600');
});

test('a folder in its place is the file system’s error', () => {
  mkdirSync(file);
  expect(() => readOrMakeSecret(file, () => 'x')).toThrow(expect.objectContaining({ code: 'EISDIR' }));
});
