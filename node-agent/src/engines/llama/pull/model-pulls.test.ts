import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeGguf } from '../hello/gguf-file.ts';
import { buildScriptedGguf } from '../hello/scripted-gguf.ts';
import { ModelStore } from '../models/model-store.ts';
import type { PullProgress } from './model-pulls.ts';
import type { PullLimits, PullSettings } from './pull-settings.ts';
import { FileSource, sha256 } from './testing/file-source.ts';

const limits: Partial<PullLimits> = {
  rangeBytes: 300_000,
  retryMs: 1,
  retryMaxMs: 5,
  attempts: 4,
  progressMs: 0,
  reserveBytes: 0,
  saveMs: 5,
};

/** A model of about 1.2 MB, other bytes for every text. */
function makeModel(text = 'Hello there.'): Uint8Array {
  return buildScriptedGguf({ name: text, scripts: { '<|a|>': text }, feedForward: 1_200 });
}

let source: FileSource;
let folder: string;
let stores: ModelStore[];
beforeEach(async () => {
  source = await FileSource.start();
  folder = await mkdtemp(path.join(tmpdir(), 'waggle-pull-'));
  stores = [];
});
afterEach(async () => {
  for (const store of stores) await store.close();
  await source[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function openStore(more: Partial<PullSettings> & { token?: string } = {}): Promise<ModelStore> {
  const { token, ...settings } = more;
  const pulls = { hub: { endpoint: source.url, token }, ...settings, limits: { ...limits, ...settings.limits } };
  const store = new ModelStore({ folder: path.join(folder, 'models'), pulls });
  stores.push(store);
  await store.rescan();
  return store;
}

async function pull(store: ModelStore, name: string, signal = new AbortController().signal): Promise<PullProgress[]> {
  const lines: PullProgress[] = [];
  for await (const line of store.pull({ name }, signal)) lines.push(line);
  return lines;
}

async function failure(promise: Promise<unknown>): Promise<ClusterError> {
  const cause = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(cause).toBeInstanceOf(ClusterError);
  return cause as ClusterError;
}

async function contentOf(store: ModelStore, name: string): Promise<Buffer> {
  const model = store.find(name);
  if (model === undefined) throw new Error(`there is no ${name}`);
  return readFile(model.path);
}

/** Models that were pulled; hello is none. */
function names(store: ModelStore): string[] {
  return store.list().flatMap(({ name, scripted }) => (scripted ? [] : [name]));
}

async function partsLeft(): Promise<string[]> {
  const all = await readdir(path.join(folder, 'models', '.pulls'), { recursive: true }).catch(() => []);
  return all.filter((name) => name.endsWith('.gguf'));
}

describe('what comes', () => {
  test('a repository: the lines of Ollama, the file, its name and where it came from', async () => {
    const model = makeModel();
    source.addRepository('ann/m-GGUF', {
      'm-Q8_0.gguf': makeModel('other'),
      'm-Q4_K_M.gguf': model,
      'mmproj-m.gguf': model,
    });
    const store = await openStore();
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
    expect(await partsLeft()).toEqual([]);
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
    const store = await openStore({ limits: { ...limits, parallelRanges: 3 } });
    await pull(store, `${source.url}/m.gguf`);
    expect(source.mostOpen).toBe(3);
    expect(source.ranges).toHaveLength(Math.ceil(model.length / 300_000));
    expect((await contentOf(store, 'm')).equals(model)).toBe(true);
  });

  test('a source that ignores ranges gives the file as a whole', async () => {
    const model = makeModel();
    source.add('/m.gguf', model, { ignoresRanges: true });
    const store = await openStore();
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
    const store = await openStore();
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
    const store = await openStore();
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
    const store = await openStore();
    await pull(store, 'hf.co/ann/a');
    const before = source.ranges.length;
    await pull(store, 'hf.co/bob/b');
    expect(source.ranges).toHaveLength(before);
    expect(store.find('hf.co/bob/b')?.path).toBe(store.find('hf.co/ann/a')?.path);
  });

  test('a name that is pulled again takes up what is new, and the old file goes', async () => {
    source.addRepository('ann/a', { 'm-Q4_0.gguf': makeModel('old') });
    const store = await openStore();
    await pull(store, 'hf.co/ann/a');
    const old = store.find('hf.co/ann/a')?.path ?? '';
    source.addRepository('ann/a', { 'm-Q4_0.gguf': makeModel('new') });
    await pull(store, 'hf.co/ann/a');
    expect((await contentOf(store, 'hf.co/ann/a')).equals(makeModel('new'))).toBe(true);
    await expect(stat(old)).rejects.toThrow('ENOENT');
  });
});

describe('what goes wrong on the way', () => {
  test('a connection that is cut: only what is missing comes again', async () => {
    const model = makeModel();
    source.add('/m.gguf', model);
    let cuts = 0;
    source.before = (response, request) => {
      if (request.headers.range === 'bytes=0-0' || cuts === 2) return false;
      cuts++;
      const from = Number(/\d+/.exec(request.headers.range ?? '')?.[0]);
      const end = model.length;
      response.writeHead(206, {
        etag: source.files.get('/m.gguf')?.etag,
        'content-range': `bytes ${from}-${end - 1}/${end}`,
        'content-length': end - from,
      });
      response.write(model.subarray(from, from + 400_000), () => response.destroy());
      return true;
    };
    const store = await openStore({ limits: { ...limits, rangeBytes: 2 ** 30 } });
    await pull(store, `${source.url}/m.gguf`);
    const starts = source.ranges.map((range) => Number(/\d+/.exec(range ?? '')?.[0]));
    expect(starts).toHaveLength(3);
    expect(starts[1]).toBeGreaterThan(0);
    expect(starts[2]).toBeGreaterThan(starts[1] ?? 0);
    expect((await contentOf(store, 'm')).equals(model)).toBe(true);
  });

  test('a source that is always cut is given up, in words', async () => {
    const model = makeModel();
    source.add('/m.gguf', model);
    source.before = (response, request) => {
      if (request.headers.range === 'bytes=0-0') return false;
      response.writeHead(206, {
        etag: source.files.get('/m.gguf')?.etag,
        'content-range': `bytes 0-299999/${model.length}`,
      });
      response.end(model.subarray(0, 10));
      return true;
    };
    const store = await openStore({ limits: { ...limits, parallelRanges: 1 } });
    const { code, message } = await failure(pull(store, `${source.url}/m.gguf`));
    expect([code, message]).toEqual([
      'engine-failed',
      expect.stringMatching(/^127\.0\.0\.1:\d+ ended the file early$/),
    ]);
    expect(source.ranges).toHaveLength(4);
    expect(names(store)).toEqual([]);
  });

  test('silence is not waited for', async () => {
    const model = makeModel();
    source.add('/m.gguf', model);
    let stalls = 0;
    source.before = (response, request) => {
      if (stalls === 2) return false;
      stalls++;
      // Once before the head, once within the body.
      if (request.headers.range === 'bytes=0-0') return true;
      response.writeHead(206, {
        etag: source.files.get('/m.gguf')?.etag,
        'content-range': `bytes 0-299999/${model.length}`,
        'content-length': 300_000,
      });
      response.write(model.subarray(0, 10));
      return true;
    };
    const store = await openStore({ limits: { ...limits, stallMs: 50, parallelRanges: 1 } });
    await pull(store, `${source.url}/m.gguf`);
    expect(stalls).toBe(2);
    expect((await contentOf(store, 'm')).equals(model)).toBe(true);
    source.before = () => true;
    const { code, message } = await failure(pull(store, `${source.url}/n.gguf`));
    expect([code, message]).toEqual(['engine-unreachable', expect.stringContaining('sent nothing for 0.05 s')]);
  });

  test('a file that changes between two pulls begins anew', async () => {
    source.add('/m.gguf', makeModel('old'));
    const store = await openStore({ limits: { ...limits, parallelRanges: 1 } });
    await cancelAfter(store, `${source.url}/m.gguf`, 600_000);
    source.add('/m.gguf', makeModel('new'));
    source.requests.length = 0;
    await pull(store, `${source.url}/m.gguf`);
    expect(source.ranges[0]).toBe('bytes=0-299999');
    expect((await contentOf(store, 'm')).equals(makeModel('new'))).toBe(true);
  });

  test('a file that changes while it comes begins anew; one that always does is given up', async () => {
    const [old, next] = [makeModel('old one'), makeModel('new one')];
    source.add('/m.gguf', old);
    source.before = (_, request) => {
      if (request.headers.range === 'bytes=600000-899999') source.add('/m.gguf', next);
    };
    const store = await openStore({ limits: { ...limits, parallelRanges: 1 } });
    await pull(store, `${source.url}/m.gguf`);
    expect((await contentOf(store, 'm')).equals(next)).toBe(true);
    let turn = 0;
    source.before = () => void source.add('/n.gguf', makeModel(`turn ${turn++}`));
    const { message } = await failure(pull(store, `${source.url}/n.gguf`));
    expect(message).toMatch(/n\.gguf changes while it is fetched$/);
  });

  test('a source that sends other ranges than were asked for is not believed', async () => {
    const model = makeModel();
    source.add('/m.gguf', model);
    source.before = (response, request) => {
      if (request.headers.range === 'bytes=0-0') return false;
      const etag = source.files.get('/m.gguf')?.etag;
      response.writeHead(206, { etag, 'content-range': `bytes 7-300006/${model.length}`, 'content-length': 300_000 });
      response.end(model.subarray(7, 300_007));
      return true;
    };
    const store = await openStore();
    expect((await failure(pull(store, `${source.url}/m.gguf`))).message).toContain('other bytes than those asked for');
  });

  test('a source that sends more than it said is cut off', async () => {
    const model = makeModel();
    source.add('/m.gguf', model, { ignoresRanges: true });
    source.before = (response, request) => {
      if (request.headers.range === 'bytes=0-0') return false;
      response.writeHead(200, { etag: source.files.get('/m.gguf')?.etag });
      response.end(Buffer.concat([model, Buffer.alloc(100_000)]));
      return true;
    };
    const store = await openStore();
    expect((await failure(pull(store, `${source.url}/m.gguf`))).message).toContain('sends more bytes than it has');
  });

  test('sizes that contradict each other are refused', async () => {
    source.addRepository('ann/a', { 'm-Q4_0.gguf': makeModel() });
    source.add('/ann/a/resolve/main/m-Q4_0.gguf', makeModel().subarray(0, 1_000));
    const store = await openStore();
    const { message } = await failure(pull(store, 'hf.co/ann/a'));
    expect(message).toMatch(/has 1000 bytes, and \d{7} by what its source lists/);
  });

  test('bytes of another hash than the hub states are thrown away', async () => {
    source.addRepository('ann/a', { 'm-Q4_0.gguf': makeModel() }, () => 'a'.repeat(64));
    const store = await openStore();
    const { code, message } = await failure(pull(store, 'hf.co/ann/a'));
    expect(code).toBe('engine-failed');
    expect(message).toMatch(/m-Q4_0\.gguf did not come as its source states: SHA-256 .* instead of aaaaaaaaaaaa…/);
    expect(names(store)).toEqual([]);
    expect(await partsLeft()).toEqual([]);
  });

  test('a hash that only a redirect states counts as well', async () => {
    source.add('/m.gguf', makeModel());
    source.before = (response, request) => {
      if (request.url !== '/ann/a/resolve/main/m.gguf') return false;
      response.writeHead(302, { location: '/m.gguf', 'x-linked-etag': `"${'b'.repeat(64)}"` }).end();
      return true;
    };
    const store = await openStore();
    const { message } = await failure(pull(store, `https://huggingface.co/ann/a/blob/main/m.gguf`));
    expect(message).toContain('instead of bbbbbbbbbbbb…');
  });

  test.each([
    ['a page', Buffer.from('<!doctype html><p>Log in!'.repeat(20)), 'is not in the GGUF format'],
    ['a part of a model', makeModel().subarray(0, 700_000), 'is not complete: 700000 of'],
  ])('%s is no model', async (_, content, words) => {
    source.add('/m.gguf', content);
    const store = await openStore();
    expect((await failure(pull(store, `${source.url}/m.gguf`))).message).toContain(words);
    expect(names(store)).toEqual([]);
    expect(await partsLeft()).toEqual([]);
  });

  test('a projector is refused: it is no model by itself', async () => {
    const content = encodeGguf({ 'general.architecture': { kind: 'string', value: 'clip' } }, []);
    source.add('/m.gguf', content);
    const store = await openStore();
    expect((await failure(pull(store, `${source.url}/m.gguf`))).message).toContain('is no language model');
  });

  test.each([
    [401, 'forbidden', 'set HF_TOKEN'],
    [403, 'forbidden', 'set HF_TOKEN'],
    [404, 'not-found', 'there is no'],
    [410, 'not-found', 'there is no'],
    [418, 'engine-failed', 'status 418'],
  ])('status %i is said in words, at once', async (status, code, words) => {
    source.before = (response) => {
      response.writeHead(status).end();
      return true;
    };
    const store = await openStore();
    expect(await failure(pull(store, 'hf.co/ann/a'))).toMatchObject({ code, message: expect.stringContaining(words) });
    expect(source.requests).toHaveLength(1);
  });

  test.each([429, 500, 503])('status %i passes', async (status) => {
    source.addRepository('ann/a', { 'm-Q4_0.gguf': makeModel() });
    const refusals = new Map<string, number>();
    source.before = (response, request) => {
      const what = `${request.url} ${request.headers.range}`;
      const before = refusals.get(what) ?? 0;
      refusals.set(what, before + 1);
      if (before === 2) return false;
      response.writeHead(status, { 'retry-after': '0' }).end();
      return true;
    };
    const store = await openStore();
    await pull(store, 'hf.co/ann/a');
    expect(names(store)).toEqual(['hf.co/ann/a:latest']);
    source.before = (response) => {
      response.writeHead(status).end();
      return true;
    };
    source.requests.length = 0;
    expect((await failure(pull(store, 'hf.co/ann/b'))).message).toMatch(/too many requests|status 50\d/);
    expect(source.requests).toHaveLength(4);
  });

  test('a host that is not there is said in words', async () => {
    const gone = await FileSource.start();
    const { url } = gone;
    await gone[Symbol.asyncDispose]();
    const store = await openStore();
    const { code, message } = await failure(pull(store, `${url}/m.gguf`));
    expect([code, message]).toEqual(['engine-unreachable', expect.stringContaining('refuses the connection')]);
  });
});

describe('redirects', () => {
  test('the token goes to the hub and to nobody else', async () => {
    await using elsewhere = await FileSource.start();
    const model = makeModel();
    elsewhere.add('/store/x.gguf', model);
    source.addRepository('ann/a', { 'm-Q4_0.gguf': model });
    source.before = (response, request) => {
      if (request.url?.endsWith('.gguf') !== true) return false;
      response.writeHead(302, { location: `${elsewhere.url}/store/x.gguf?signature=secret` }).end();
      return true;
    };
    const store = await openStore({ token: 'hf_x' });
    await pull(store, 'hf.co/ann/a');
    expect((await contentOf(store, 'hf.co/ann/a')).equals(model)).toBe(true);
    expect(new Set(source.requests.map(({ authorization }) => authorization))).toEqual(new Set(['Bearer hf_x']));
    expect(new Set(elsewhere.requests.map(({ authorization }) => authorization))).toEqual(new Set([undefined]));
    // Nor is it sent to the source of a URL.
    await pull(store, `${elsewhere.url}/store/x.gguf`);
    expect(elsewhere.requests.at(-1)?.authorization).toBeUndefined();
  });

  test('no more than a few', async () => {
    source.before = (response) => {
      response.writeHead(302, { location: '/m.gguf' }).end();
      return true;
    };
    const store = await openStore();
    expect((await failure(pull(store, `${source.url}/m.gguf`))).message).toContain('redirects more than 5 times');
    expect(source.requests).toHaveLength(6);
  });

  test('to nothing but HTTP', async () => {
    source.before = (response) => {
      response.writeHead(302, { location: 'file:///etc/passwd' }).end();
      return true;
    };
    const store = await openStore();
    expect((await failure(pull(store, `${source.url}/m.gguf`))).message).toContain('redirects to what is no address');
  });
});

/** Aborts when so many bytes are there; the pull must reject with the signal's reason. */
async function cancelAfter(store: ModelStore, name: string, bytes: number): Promise<void> {
  const stop = new AbortController();
  const reason = new Error('not now');
  const consume = async () => {
    for await (const { completed = 0 } of store.pull({ name }, stop.signal)) if (completed >= bytes) stop.abort(reason);
  };
  await expect(consume()).rejects.toBe(reason);
}

describe('cancelling and sharing', () => {
  test('what has come is kept, also for the next start', async () => {
    const model = makeModel();
    source.add('/m.gguf', model);
    // The last range never comes: the pull cannot end before it is cancelled.
    source.before = (_, request) => request.headers.range?.startsWith('bytes=900000-') === true;
    const first = await openStore({ limits: { ...limits, parallelRanges: 1 } });
    await cancelAfter(first, `${source.url}/m.gguf`, 900_000);
    await first.close();
    expect(names(first)).toEqual([]);
    source.before = () => false;
    source.requests.length = 0;
    const second = await openStore();
    const lines = await pull(second, `${source.url}/m.gguf`);
    expect(source.ranges.map((range) => Number(/\d+/.exec(range ?? '')?.[0]))[0]).toBeGreaterThanOrEqual(900_000);
    expect(lines.find(({ completed }) => completed !== undefined)?.completed).toBeGreaterThan(900_000);
    expect((await contentOf(second, 'm')).equals(model)).toBe(true);
  });

  test('a source without ETag or date cannot be gone on with', async () => {
    const model = makeModel();
    const { etag: _, ...file } = source.add('/m.gguf', model);
    source.files.set('/m.gguf', file);
    const store = await openStore({ limits: { ...limits, parallelRanges: 1 } });
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
    const store = await openStore();
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
    const store = await openStore({ limits: { ...limits, parallelRanges: 1 } });
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
    const store = await openStore({ freeBytes: async () => 1_000_000, limits: { ...limits, reserveBytes: 500_000 } });
    const { message } = await failure(pull(store, 'hf.co/ann/a'));
    expect(message).toMatch(/^the disk of .* has only 1 MB left: 2 MB are still to come and 1 MB stay free$/);
    expect(source.ranges).toEqual([]);
  });

  test('what is here counts when the rest is looked at', async () => {
    const model = makeModel();
    source.add('/m.gguf', model);
    const store = await openStore({ limits: { ...limits, parallelRanges: 1 } });
    await cancelAfter(store, `${source.url}/m.gguf`, 700_000);
    await store.close();
    const little = await openStore({ freeBytes: async () => model.length - 600_000 });
    await pull(little, `${source.url}/m.gguf`);
    expect(names(little)).toEqual(['m:latest']);
  });

  test('a file larger than any model is refused', async () => {
    source.add('/m.gguf', makeModel());
    const store = await openStore({ limits: { ...limits, fileMaxBytes: 1_000_000 } });
    expect((await failure(pull(store, `${source.url}/m.gguf`))).message).toContain('more than is ever fetched');
  });
});

describe('files of this machine', () => {
  test('are linked where the disk is the same', async () => {
    const from = path.join(folder, 'mine.gguf');
    await writeFile(from, makeModel());
    const store = await openStore();
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
    const store = await openStore();
    expect(await failure(pull(store, name))).toMatchObject({ code, message: expect.stringContaining(words) });
  });

  test('what is no model is not read', async () => {
    const from = path.join(folder, 'secret.gguf');
    await writeFile(from, 'secret');
    const store = await openStore();
    expect((await failure(pull(store, `file://${from}`))).message).toContain('is not in the GGUF format');
  });
});
