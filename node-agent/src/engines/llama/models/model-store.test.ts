import { createHash } from 'node:crypto';
import {
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { encodeGguf } from '../hello/gguf-file.ts';
import { buildScriptedGguf } from '../hello/scripted-gguf.ts';
import { ModelStore } from './model-store.ts';

let parent: string;
let folder: string;
const stores: ModelStore[] = [];
beforeEach(async () => {
  parent = await mkdtemp(path.join(tmpdir(), 'waggle-models-'));
  folder = path.join(parent, 'models');
});
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
  await rm(parent, { recursive: true });
});

function makeModel(text: string): Uint8Array {
  return buildScriptedGguf({ name: text, scripts: { '<|a|>': text } });
}

async function openStore(onChange = () => {}): Promise<ModelStore> {
  const store = new ModelStore({ folder, pulls: { hub: { endpoint: 'http://127.0.0.1:9' } }, onChange });
  stores.push(store);
  await store.rescan();
  return store;
}

/** A store whose folder was filled before. */
async function openWith(files: Readonly<Record<string, Uint8Array>>): Promise<ModelStore> {
  for (const [file, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
    await writeFile(path.join(folder, file), content);
  }
  return openStore();
}

function names(store: ModelStore): string[] {
  return store.list().map(({ name }) => name);
}

function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

test('where there is no model there is hello, and it goes with the first real one', async () => {
  const store = await openStore();
  const [hello] = store.list();
  expect(hello).toMatchObject({ name: 'hello:latest', scripted: true });
  expect(sha256(await readFile(hello?.path ?? ''))).toBe(hello?.digest);
  expect(store.find('hello')).toBe(hello);
  await writeFile(path.join(folder, 'mine.gguf'), makeModel('mine'));
  await store.rescan();
  expect(names(store)).toEqual(['mine:latest']);
  expect(store.find('hello')).toBeUndefined();
  expect(await readdir(folder)).not.toContain('.hello.gguf');
  await store.delete('mine');
  expect(names(store)).toEqual(['hello:latest']);
  await store.close();
  // A real model that came while nobody was looking.
  await writeFile(path.join(folder, 'next.gguf'), makeModel('next'));
  expect(names(await openStore())).toEqual(['next:latest']);
  expect(await readdir(folder)).not.toContain('.hello.gguf');
});

test('files put there by hand are found, with all their parts, and their hash is made in the background', async () => {
  const split = (number: number) =>
    encodeGguf(
      { 'general.architecture': { kind: 'string', value: 'llama' }, 'split.count': { kind: 'uint32', value: 2 } },
      [{ name: `t${number}`, shape: [2], data: Float32Array.of(number, 1) }],
    );
  const model = makeModel('one');
  const hashed = Promise.withResolvers<void>();
  await mkdir(path.join(folder, 'sub'), { recursive: true });
  await writeFile(path.join(folder, 'One model.Q8_0.gguf'), model);
  await writeFile(path.join(folder, 'sub', 'two-00001-of-00002.gguf'), split(1));
  await writeFile(path.join(folder, 'sub', 'two-00002-of-00002.gguf'), split(2));
  await writeFile(path.join(parent, 'outside.gguf'), makeModel('outside'));
  await symlink(path.join(parent, 'outside.gguf'), path.join(folder, 'linked.gguf'));
  // None of these is a model of its own.
  await writeFile(path.join(folder, '.hidden.gguf'), model);
  await writeFile(path.join(folder, 'notes.txt'), 'x');
  await writeFile(path.join(folder, 'page.gguf'), '<html>');
  await writeFile(path.join(folder, 'three-00001-of-00002.gguf'), split(1));
  await writeFile(
    path.join(folder, 'mmproj.gguf'),
    encodeGguf({ 'general.architecture': { kind: 'string', value: 'clip' } }, []),
  );
  const store: ModelStore = await openStore(() => {
    if (stores[0]?.list().every(({ digest }) => digest !== '') === true) hashed.resolve();
  });
  expect(names(store).toSorted()).toEqual(['One-model.Q8_0:latest', 'linked:latest', 'two:latest']);
  await hashed.promise;
  expect(store.find('one-model.q8_0')?.digest).toBe(sha256(model));
  expect(store.find('two')).toMatchObject({
    digest: sha256(Buffer.from(`${sha256(split(1))}\n${sha256(split(2))}`)),
    sizeBytes: split(1).length + split(2).length,
    header: { parameterCount: 4 },
  });
});

test('a file that is still being copied is not offered until it is complete', async () => {
  const model = makeModel('big');
  const store = await openWith({ 'big.gguf': model.subarray(0, 100_000) });
  expect(names(store)).toEqual(['hello:latest']);
  await writeFile(path.join(folder, 'big.gguf'), model);
  await store.rescan();
  expect(names(store)).toEqual(['big:latest']);
  await truncate(path.join(folder, 'big.gguf'), 100_000);
  await store.rescan();
  expect(names(store)).toEqual(['hello:latest']);
});

test('a file that is no model is not read again until it changes', async () => {
  const model = makeModel('a');
  await mkdir(folder);
  const file = path.join(folder, 'a.gguf');
  await writeFile(file, Buffer.alloc(model.length));
  await utimes(file, 1_000, 1_000);
  const store = await openStore();
  await writeFile(file, model);
  await utimes(file, 1_000, 1_000);
  await store.rescan();
  expect(names(store)).toEqual(['hello:latest']);
  await utimes(file, 1_000, 2_000);
  await store.rescan();
  expect(names(store)).toEqual(['a:latest']);
});

test('what is taken away by hand is gone, and its name with it', async () => {
  const store = await openWith({ 'a.gguf': makeModel('a'), 'b.gguf': makeModel('b') });
  await rename(path.join(folder, 'a.gguf'), path.join(parent, 'a.gguf'));
  await store.rescan();
  expect(names(store)).toEqual(['b:latest']);
});

test('two names share a file, which goes with the last', async () => {
  const store = await openWith({ 'a.gguf': makeModel('a') });
  expect(await store.copy('A', 'Mine:small')).toBe(true);
  expect(store.find('mine:SMALL')?.path).toBe(store.find('a')?.path);
  expect(await store.copy('nobody', 'b')).toBe(false);
  expect(await store.delete('a')).toBe(true);
  expect(await store.delete('a')).toBe(false);
  expect(names(store)).toEqual(['Mine:small']);
  expect(await readdir(folder)).toContain('a.gguf');
  expect(await store.delete('mine:small')).toBe(true);
  expect(await readdir(folder)).not.toContain('a.gguf');
});

test('names outlive a restart; files whose names are alike get other ones', async () => {
  const store = await openWith({ 'a.gguf': makeModel('a'), 'x/a.gguf': makeModel('other a') });
  await store.copy('a', 'b');
  await store.delete('a');
  await store.close();
  const again = await openStore();
  expect(names(again).toSorted()).toEqual(['a-2:latest', 'b:latest']);
  expect(again.find('b')?.path).toBe(path.join(folder, 'a.gguf'));
});

test.each([
  ['is damaged', '{"version": 1, "names": [{"na'],
  ['is of a later version', '{"version": 2, "names": [], "digests": []}'],
])('an index that %s is put aside, and the files are found without it', async (_, text) => {
  const store = await openWith({ 'a.gguf': makeModel('a'), 'index.json': Buffer.from(text) });
  expect(names(store)).toEqual(['a:latest']);
  expect(store.problem).toMatch(/index\.json was damaged and is put aside/);
  // Whoever looks later shall see it, too.
  await store.rescan();
  expect(store.problem).toMatch(/index\.json was damaged/);
  expect(await readFile(path.join(folder, 'index.json.damaged'), 'utf8')).toBe(text);
  expect(JSON.parse(await readFile(path.join(folder, 'index.json'), 'utf8'))).toMatchObject({ version: 1 });
});

test('entries of the index that make no sense are left out; none leads out of the folder', async () => {
  await writeFile(path.join(parent, 'outside.gguf'), makeModel('outside'));
  const entry = { name: 'a:latest', file: 'a.gguf', modifiedAt: '2026-01-01T00:00:00.000Z' };
  const entries = [entry, { ...entry, name: 7 }, 'x', { ...entry, name: 'out:latest', file: '../outside.gguf' }];
  const index = Buffer.from(
    JSON.stringify({ version: 1, names: entries, digests: [null, { file: 'a.gguf', digest: 'no' }] }),
  );
  const store = await openWith({ 'a.gguf': makeModel('a'), 'index.json': index });
  expect(names(store)).toEqual(['a:latest']);
  await store.delete('out');
  expect(await readdir(parent)).toContain('outside.gguf');
});

test('a folder that cannot be used is a problem in words, and no model', async () => {
  await writeFile(folder, 'a file');
  const store = await openStore();
  expect(store.list()).toEqual([]);
  expect(store.problem).toMatch(/^the models folder .* cannot be used: a file stands in its way$/);
});

test('changes wait for one another: nothing is lost when many come at once', async () => {
  const store = await openWith({ 'a.gguf': makeModel('a') });
  const copies = Array.from({ length: 20 }, (_, number) => `c${number}:latest`);
  await Promise.all([...copies.map((name) => store.copy('a', name)), store.rescan(), store.delete('a')]);
  await store.close();
  expect(names(await openStore()).toSorted()).toEqual(copies.toSorted());
});

test('a hash that is known is not made again, but for a file that changed', async () => {
  const settled = async (store: ModelStore) => {
    while (store.list().some(({ digest }) => digest === '')) await new Promise((resolve) => setImmediate(resolve));
  };
  const first = await openWith({ 'a.gguf': makeModel('a') });
  await settled(first);
  await first.close();
  const second = await openStore();
  expect(second.find('a')?.digest).toBe(sha256(makeModel('a')));
  await copyFile(second.find('a')?.path ?? '', path.join(parent, 'kept'));
  await writeFile(path.join(folder, 'a.gguf'), makeModel('another text'));
  await second.rescan();
  expect(second.find('a')?.digest).not.toBe(sha256(makeModel('a')));
  await settled(second);
  expect(second.find('a')?.digest).toBe(sha256(makeModel('another text')));
});
