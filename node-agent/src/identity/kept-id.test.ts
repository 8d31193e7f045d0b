import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { UsageError } from '@waggle/shared/errors/usage-error.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keptId } from './kept-id.ts';

let base: string;

beforeEach(() => {
  base = mkdtempSync(path.join(tmpdir(), 'waggle-kept-'));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

test('is made once, with its folder', () => {
  const folder = path.join(base, 'node');
  expect(keptId(folder, 'id', /^id-\d$/, () => 'id-1')).toBe('id-1');
  expect(keptId(folder, 'id', /^id-\d$/, () => 'id-2')).toBe('id-1');
});

test('a damaged one is made again', () => {
  writeFileSync(path.join(base, 'id'), 'broken');
  expect(keptId(base, 'id', /^id$/, () => 'id')).toBe('id');
  expect(readFileSync(path.join(base, 'id'), 'utf8')).toBe('id\n');
});

test('what stands in its way is one sentence', () => {
  mkdirSync(path.join(base, 'id'));
  writeFileSync(path.join(base, 'file'), '');
  for (const folder of [base, path.join(base, 'file')]) {
    const keep = () => keptId(folder, 'id', /^id$/, () => 'id');
    expect(keep).toThrow(UsageError);
    expect(keep).toThrow(/^The file .*id cannot be used: a (file|folder) stands in its way; remove what is there\.$/);
  }
});
