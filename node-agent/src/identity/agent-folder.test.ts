import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openAgentFolder } from './agent-folder.ts';
import { keptText } from './kept-text.ts';

let base: string;

beforeEach(async () => {
  base = await mkdtemp(path.join(tmpdir(), 'waggle-agent-'));
});
afterEach(() => rm(base, { recursive: true, force: true }));

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
  expect(() => openAgentFolder(folder, true)).toThrow(/in use by another agent.*--data DIR/);
  first[Symbol.dispose]();
  openAgentFolder(folder, true)[Symbol.dispose]();
});

test('a folder that cannot be made is refused in one sentence', async () => {
  const file = path.join(base, 'file');
  await keptText(base, 'file', /./, () => 'x');
  expect(() => openAgentFolder(path.join(file, 'agent'), false)).toThrow(/cannot be used .*--data DIR/);
});

test('a kept text is made once, by however many at the same time', async () => {
  let made = 0;
  const make = () => `id-${made++}`;
  const texts = await Promise.all(Array.from({ length: 8 }, () => keptText(base, 'id', /^id-\d+$/, make)));
  expect(new Set(texts)).toHaveProperty('size', 1);
  expect(await keptText(base, 'id', /^id-\d+$/, make)).toBe(texts[0]);
});

test('a damaged text is made again', async () => {
  await keptText(base, 'id', /./, () => 'broken');
  expect(await keptText(base, 'id', /^id$/, () => 'id')).toBe('id');
});
