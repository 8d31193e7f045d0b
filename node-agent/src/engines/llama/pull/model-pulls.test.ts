import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeGguf } from '../hello/gguf-file.ts';
import { type FileSource, sha256 } from './testing/file-source.ts';
import { cancelAfter, contentOf, failure, limits, makeModel, names, PullBench, pull } from './testing/pull-bench.ts';

let bench: PullBench;
let source: FileSource;
beforeEach(async () => {
  bench = await PullBench.start();
  source = bench.source;
});
afterEach(() => bench[Symbol.asyncDispose]());

describe('what comes', () => {
  test('a repository: the lines of Ollama, the file, its name and where it came from', async () => {
    const model = makeModel();
    source.addRepository('ann/m-GGUF', {
      'm-Q8_0.gguf': makeModel('other'),
      'm-Q4_K_M.gguf': model,
      'mmproj-m.gguf': model,
    });
    const store = await bench.openStore();
    const lines = await pull(store, 'hf.co/ann/m-GGUF');
    const digest = sha256(model);
    expect([...new Set(lines.map(({ status }) => status))]).toEqual([
      'pulling manifest',
      `pulling ${digest.slice(0, 12)}`,
      'verifying sha256 digest',
      'writing manifest',
      'success',
    ]);
    expect(lines.findLast((line) => line.digest !== undefined)).toEqual({
      status: `pulling ${digest.slice(0, 12)}`,
      digest: `sha256:${digest}`,
      total: model.length,
      completed: model.length,
    });
    expect(store.find('HF.co/ann/m-gguf')).toMatchObject({
      name: 'hf.co/ann/m-GGUF:latest',
      digest,
      sizeBytes: model.length,
      source: 'hf.co/ann/m-GGUF',
      header: { architecture: 'llama' },
    });
    expect((await contentOf(store, 'hf.co/ann/m-GGUF')).equals(model)).toBe(true);
    expect(await bench.partsLeft()).toEqual([]);
  });

  test('a URL: the last lines say which name it got', async () => {
    source.add('/a/My%20model.Q4_0.gguf', makeModel());
    const store = await bench.openStore();
    const lines = await pull(store, `${source.url}/a/My%20model.Q4_0.gguf`);
    expect(lines.slice(-3).map(({ status }) => status)).toEqual([
      'naming it My-model.Q4_0:latest',
      'writing manifest',
      'success',
    ]);
    expect(store.find('my-model.q4_0')?.digest).toBe(sha256(makeModel()));
  });

  test('several ranges at once, but no more than the limit', async () => {
    const model = makeModel();
    source.add('/m.gguf', model);
    const held: (() => void)[] = [];
    source.before = (response, request) => {
      if (request.headers.range === 'bytes=0-0') return false;
      // The first answers wait until three requests are there: only ranges at once get on.
      held.push(() => source.serveFile(request, response));
      if (held.length === 3 || source.ranges.length > 3) for (const answer of held.splice(0)) answer();
      return true;
    };
    const store = await bench.openStore({ limits: { ...limits, parallelRanges: 3 } });
    await pull(store, `${source.url}/m.gguf`);
    expect(source.mostOpen).toBe(3);
    expect(source.ranges).toHaveLength(Math.ceil(model.length / 300_000));
    expect((await contentOf(store, 'm')).equals(model)).toBe(true);
  });

  test('a source that ignores ranges gives the file as a whole', async () => {
    const model = makeModel();
    source.add('/m.gguf', model, { ignoresRanges: true });
    const store = await bench.openStore();
    await pull(store, `${source.url}/m.gguf`);
    expect(source.ranges).toEqual([undefined]);
    expect((await contentOf(store, 'm')).equals(model)).toBe(true);
  });

  test('a source that gives one byte but no ranges after that, too', async () => {
    const model = makeModel();
    const file = source.add('/m.gguf', model);
    source.before = (_, request) => {
      file.ignoresRanges = request.headers.range !== 'bytes=0-0';
    };
    const store = await bench.openStore();
    await pull(store, `${source.url}/m.gguf`);
    expect((await contentOf(store, 'm')).equals(model)).toBe(true);
  });

  test('a split model comes whole', async () => {
    const part = (number: number) =>
      encodeGguf(
        {
          'general.architecture': { kind: 'string', value: 'llama' },
          'split.count': { kind: 'uint32', value: 2 },
          'split.no': { kind: 'uint32', value: number },
        },
        [{ name: `t${number}`, shape: [8], data: new Float32Array(8).fill(number) }],
      );
    source.addRepository('ann/big', {
      'q/big-Q4_0-00001-of-00002.gguf': part(0),
      'q/big-Q4_0-00002-of-00002.gguf': part(1),
    });
    const store = await bench.openStore();
    await pull(store, 'hf.co/ann/big:q4_0');
    const model = store.find('hf.co/ann/big:Q4_0');
    expect(model).toMatchObject({ sizeBytes: part(0).length + part(1).length, header: { parameterCount: 16 } });
    expect(path.basename(model?.path ?? '')).toBe('big-Q4_0-00001-of-00002.gguf');
    expect((await readFile(model?.path.replace('00001-of', '00002-of') ?? '')).equals(part(1))).toBe(true);
    source.files.delete('/ann/big/resolve/main/q/big-Q4_0-00002-of-00002.gguf');
    // The same by the URL of its first part: now one is missing.
    const missing = await failure(pull(store, `${source.url}/ann/big/resolve/main/q/big-Q4_0-00001-of-00002.gguf`));
    expect(missing.message).toContain('00002-of-00002.gguf (404)');
  });

  test('what is here by its hash is not fetched again, and shares the file', async () => {
    const model = makeModel();
    source.addRepository('ann/a', { 'm-Q4_0.gguf': model });
    source.addRepository('bob/b', { 'n-Q8_0.gguf': model });
    const store = await bench.openStore();
    await pull(store, 'hf.co/ann/a');
    const before = source.ranges.length;
    await pull(store, 'hf.co/bob/b');
    expect(source.ranges).toHaveLength(before);
    expect(store.find('hf.co/bob/b')?.path).toBe(store.find('hf.co/ann/a')?.path);
  });

  test('a name that is pulled again takes up what is new, and the old file goes', async () => {
    source.addRepository('ann/a', { 'm-Q4_0.gguf': makeModel('old') });
    const store = await bench.openStore();
    await pull(store, 'hf.co/ann/a');
    const old = store.find('hf.co/ann/a')?.path ?? '';
    source.addRepository('ann/a', { 'm-Q4_0.gguf': makeModel('new') });
    await pull(store, 'hf.co/ann/a');
    expect((await contentOf(store, 'hf.co/ann/a')).equals(makeModel('new'))).toBe(true);
    await expect(stat(old)).rejects.toThrow('ENOENT');
  });
});

describe('cancelling and sharing', () => {
  test('what has come is kept, also for the next start', async () => {
    const model = makeModel();
    source.add('/m.gguf', model);
    // The last range never comes: the pull cannot end before it is cancelled.
    source.before = (_, request) => request.headers.range?.startsWith('bytes=900000-') === true;
    const first = await bench.openStore({ limits: { ...limits, parallelRanges: 1 } });
    await cancelAfter(first, `${source.url}/m.gguf`, 900_000);
    await first.close();
    expect(names(first)).toEqual([]);
    source.before = () => false;
    source.requests.length = 0;
    const second = await bench.openStore();
    const lines = await pull(second, `${source.url}/m.gguf`);
    expect(source.ranges.map((range) => Number(/\d+/.exec(range ?? '')?.[0]))[0]).toBeGreaterThanOrEqual(900_000);
    expect(lines.find(({ completed }) => completed !== undefined)?.completed).toBeGreaterThan(900_000);
    expect((await contentOf(second, 'm')).equals(model)).toBe(true);
  });

  test('a source without ETag or date cannot be gone on with', async () => {
    const model = makeModel();
    const { etag: _, ...file } = source.add('/m.gguf', model);
    source.files.set('/m.gguf', file);
    const store = await bench.openStore({ limits: { ...limits, parallelRanges: 1 } });
    await cancelAfter(store, `${source.url}/m.gguf`, 600_000);
    source.requests.length = 0;
    await pull(store, `${source.url}/m.gguf`);
    expect(source.ranges[0]).toBe('bytes=0-299999');
  });

  test('two pulls of one thing share one download; one that leaves does not end it', async () => {
    const model = makeModel();
    source.addRepository('ann/a', { 'm-Q4_0.gguf': model });
    const release = Promise.withResolvers<void>();
    source.before = (response, request) => {
      if (request.headers.range === undefined || request.headers.range === 'bytes=0-0') return false;
      void release.promise.then(() => source.serveFile(request, response));
      return true;
    };
    const store = await bench.openStore();
    const leaving = new AbortController();
    const reason = new Error('gone');
    const left = pull(store, 'hf.co/ann/a', leaving.signal);
    const stayed = pull(store, 'hf.co/ann/a:latest');
    while (source.ranges.length < 4) await new Promise((resolve) => setImmediate(resolve));
    leaving.abort(reason);
    await expect(left).rejects.toBe(reason);
    release.resolve();
    expect((await stayed).at(-1)).toEqual({ status: 'success' });
    expect(source.ranges).toHaveLength(Math.ceil(model.length / 300_000));
    expect(source.requests.filter(({ path: at }) => at.includes('/tree/'))).toHaveLength(1);
  });

  test('a pull after one that was cancelled goes on with its part', async () => {
    const model = makeModel();
    source.add('/m.gguf', model);
    const store = await bench.openStore({ limits: { ...limits, parallelRanges: 1 } });
    const stop = new AbortController();
    const lines = store.pull({ name: `${source.url}/m.gguf` }, stop.signal);
    for await (const { completed = 0 } of lines) if (completed > 600_000) break;
    source.requests.length = 0;
    await pull(store, `${source.url}/m.gguf`);
    expect(source.ranges[0]).not.toBe('bytes=0-299999');
    expect((await contentOf(store, 'm')).equals(model)).toBe(true);
  });
});

describe('the disk', () => {
  test('a model that does not fit is refused in words before a byte of it comes', async () => {
    source.addRepository('ann/a', { 'm-Q4_0.gguf': makeModel() });
    const store = await bench.openStore({
      freeBytes: async () => 1_000_000,
      limits: { ...limits, reserveBytes: 500_000 },
    });
    const { message } = await failure(pull(store, 'hf.co/ann/a'));
    expect(message).toMatch(
      /^the disk of the models folder has only 1 MB left: 2 MB are still to come, and 1 MB must stay free$/,
    );
    expect(source.ranges).toEqual([]);
  });

  test('what is here counts when the rest is looked at', async () => {
    const model = makeModel();
    source.add('/m.gguf', model);
    const store = await bench.openStore({ limits: { ...limits, parallelRanges: 1 } });
    await cancelAfter(store, `${source.url}/m.gguf`, 700_000);
    await store.close();
    const little = await bench.openStore({ freeBytes: async () => model.length - 600_000 });
    await pull(little, `${source.url}/m.gguf`);
    expect(names(little)).toEqual(['m:latest']);
  });

  test('a file larger than any model is refused', async () => {
    source.add('/m.gguf', makeModel());
    const store = await bench.openStore({ limits: { ...limits, fileMaxBytes: 1_000_000 } });
    expect((await failure(pull(store, `${source.url}/m.gguf`))).message).toContain('more than is ever fetched');
  });
});

describe('files of this machine', () => {
  test('are linked where the disk is the same', async () => {
    const from = path.join(bench.folder, 'mine.gguf');
    await writeFile(from, makeModel());
    const store = await bench.openStore();
    const lines = await pull(store, from);
    expect(lines.map(({ status }) => status)).toContain(`linking ${from}`);
    const model = store.find('mine');
    expect((await stat(model?.path ?? '')).ino).toBe((await stat(from)).ino);
    expect(await store.delete('mine')).toBe(true);
    expect((await readFile(from)).equals(makeModel())).toBe(true);
  });

  test.each([
    ['/nowhere/m.gguf', 'not-found', 'there is no such file on the node'],
    ['m.gguf', 'bad-request', 'is relative'],
    ['/etc/passwd', 'bad-request', 'must end in .gguf'],
  ])('%s is refused', async (name, code, words) => {
    const store = await bench.openStore();
    expect(await failure(pull(store, name))).toMatchObject({ code, message: expect.stringContaining(words) });
  });

  test('what is no model is not read', async () => {
    const from = path.join(bench.folder, 'secret.gguf');
    await writeFile(from, 'secret');
    const store = await bench.openStore();
    expect((await failure(pull(store, `file://${from}`))).message).toContain('is not in the GGUF format');
  });
});
