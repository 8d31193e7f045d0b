import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readModelIndex, writeModelIndex } from './model-index.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'waggle-index-'));
});
afterEach(() => rm(folder, { recursive: true }));

const name = { name: 'a:latest', file: 'x/a.gguf', modifiedAt: '2026-01-01T00:00:00.000Z' };
const digest = { file: 'x/a.gguf', sizeBytes: 7, changedMs: 1.5, digest: 'a'.repeat(64) };

test('what was written is read', async () => {
  expect(await readModelIndex(folder)).toEqual({ kind: 'anew' });
  const index = { names: [name, { ...name, name: 'b:1', source: 'hf.co/a/b' }], digests: [digest] };
  await writeModelIndex(folder, index);
  expect(await readModelIndex(folder)).toEqual({ kind: 'read', index });
  expect(await readdir(folder)).toEqual(['index.json']);
});

test.each(['../a.gguf', 'x/../../a.gguf', '/etc/a.gguf', 'C:\\a.gguf', '..\\a.gguf'])(
  'an entry for %s is left out: files are deleted by what the index says',
  async (file) => {
    await writeFile(
      path.join(folder, 'index.json'),
      JSON.stringify({ version: 1, names: [{ ...name, file }, name], digests: [] }),
    );
    expect(await readModelIndex(folder)).toEqual({ kind: 'read', index: { names: [name], digests: [] } });
  },
);
