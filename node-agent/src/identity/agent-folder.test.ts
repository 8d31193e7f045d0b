import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openAgentFolder } from './agent-folder.ts';

let base: string;

beforeEach(() => {
  base = mkdtempSync(path.join(tmpdir(), 'waggle-agent-'));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

test('a second agent gets the folder beside the first, and the first again when that is gone', () => {
  const folder = path.join(base, 'agent');
  const first = openAgentFolder(folder, false);
  const second = openAgentFolder(folder, false);
  expect([first.number, second.number]).toEqual([1, 2]);
  expect(second.path).toBe(`${folder}-2`);
  first[Symbol.dispose]();
  const third = openAgentFolder(folder, false);
  expect(third).toMatchObject({ number: 1, path: folder });
  second[Symbol.dispose]();
  third[Symbol.dispose]();
});

test('a folder somebody chose is that one or none', () => {
  const folder = path.join(base, 'agent');
  const first = openAgentFolder(folder, true);
  expect(() => openAgentFolder(folder, true)).toThrow(
    /^The data folder .* is in use by another Waggle .*--data DIR\.$/,
  );
  first[Symbol.dispose]();
  openAgentFolder(folder, true)[Symbol.dispose]();
});

test('a folder that cannot be made is refused in one sentence, and no other is tried', () => {
  const file = path.join(base, 'file');
  writeFileSync(file, '');
  expect(() => openAgentFolder(path.join(file, 'agent'), false)).toThrow(
    /^The data folder .* cannot be used: a file stands in its way; .*--data DIR\.$/,
  );
});
