import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeGguf } from '../hello/gguf-file.ts';
import { FileSource } from './testing/file-source.ts';
import { cancelAfter, contentOf, failure, limits, makeModel, names, PullBench, pull } from './testing/pull-bench.ts';

let bench: PullBench;
let source: FileSource;
beforeEach(async () => {
  bench = await PullBench.start();
  source = bench.source;
});
afterEach(() => bench[Symbol.asyncDispose]());

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
    const store = await bench.openStore({ limits: { ...limits, rangeBytes: 2 ** 30 } });
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
    const store = await bench.openStore({ limits: { ...limits, parallelRanges: 1 } });
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
    const store = await bench.openStore({ limits: { ...limits, stallMs: 50, parallelRanges: 1 } });
    await pull(store, `${source.url}/m.gguf`);
    expect(stalls).toBe(2);
    expect((await contentOf(store, 'm')).equals(model)).toBe(true);
    source.before = () => true;
    const { code, message } = await failure(pull(store, `${source.url}/n.gguf`));
    expect([code, message]).toEqual(['engine-unreachable', expect.stringContaining('sent nothing for 0.05 s')]);
  });

  test('a file that changes between two pulls begins anew', async () => {
    source.add('/m.gguf', makeModel('old'));
    const store = await bench.openStore({ limits: { ...limits, parallelRanges: 1 } });
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
    const store = await bench.openStore({ limits: { ...limits, parallelRanges: 1 } });
    await pull(store, `${source.url}/m.gguf`);
    expect((await contentOf(store, 'm')).equals(next)).toBe(true);
    let turn = 0;
    source.before = () => void source.add('/n.gguf', makeModel(`turn ${turn++}`));
    const { message } = await failure(pull(store, `${source.url}/n.gguf`));
    expect(message).toMatch(/n\.gguf changes while it is fetched$/);
  });

  test('a range that is not there any more means that the file changed', async () => {
    source.add('/m.gguf', makeModel());
    source.before = (response, request) => {
      if (request.headers.range === 'bytes=0-0') return false;
      response.writeHead(416, { etag: source.files.get('/m.gguf')?.etag }).end();
      return true;
    };
    const store = await bench.openStore({ limits: { ...limits, parallelRanges: 1 } });
    expect((await failure(pull(store, `${source.url}/m.gguf`))).message).toContain('changes while it is fetched');
    expect(source.ranges).toHaveLength(3);
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
    const store = await bench.openStore();
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
    const store = await bench.openStore();
    expect((await failure(pull(store, `${source.url}/m.gguf`))).message).toContain('sends more bytes than it has');
  });

  test('sizes that contradict each other are refused', async () => {
    source.addRepository('ann/a', { 'm-Q4_0.gguf': makeModel() });
    source.add('/ann/a/resolve/main/m-Q4_0.gguf', makeModel().subarray(0, 1_000));
    const store = await bench.openStore();
    const { message } = await failure(pull(store, 'hf.co/ann/a'));
    expect(message).toMatch(/has 1000 bytes, and \d{7} by what its source lists/);
  });

  test('bytes of another hash than the hub states are thrown away', async () => {
    source.addRepository('ann/a', { 'm-Q4_0.gguf': makeModel() }, () => 'a'.repeat(64));
    const store = await bench.openStore();
    const { code, message } = await failure(pull(store, 'hf.co/ann/a'));
    expect(code).toBe('engine-failed');
    expect(message).toMatch(/m-Q4_0\.gguf did not come as its source states: SHA-256 .* instead of aaaaaaaaaaaa…/);
    expect(names(store)).toEqual([]);
    expect(await bench.partsLeft()).toEqual([]);
  });

  test('a hash that only a redirect states counts as well', async () => {
    source.add('/m.gguf', makeModel());
    source.before = (response, request) => {
      if (request.url !== '/ann/a/resolve/main/m.gguf') return false;
      response.writeHead(302, { location: '/m.gguf', 'x-linked-etag': `"${'b'.repeat(64)}"` }).end();
      return true;
    };
    const store = await bench.openStore();
    const { message } = await failure(pull(store, `https://huggingface.co/ann/a/blob/main/m.gguf`));
    expect(message).toContain('instead of bbbbbbbbbbbb…');
  });

  test.each([
    ['a page', Buffer.from('<!doctype html><p>Log in!'.repeat(20)), 'is not in the GGUF format'],
    ['a part of a model', makeModel().subarray(0, 700_000), 'is not complete: 700000 of'],
  ])('%s is no model', async (_, content, words) => {
    source.add('/m.gguf', content);
    const store = await bench.openStore();
    expect((await failure(pull(store, `${source.url}/m.gguf`))).message).toContain(words);
    expect(names(store)).toEqual([]);
    expect(await bench.partsLeft()).toEqual([]);
  });

  test('a projector is refused: it is no model by itself', async () => {
    const content = encodeGguf({ 'general.architecture': { kind: 'string', value: 'clip' } }, []);
    source.add('/m.gguf', content);
    const store = await bench.openStore();
    expect((await failure(pull(store, `${source.url}/m.gguf`))).message).toContain('is no language model');
  });

  test.each([
    [401, 'forbidden', 'set HF_TOKEN'],
    [403, 'forbidden', 'set HF_TOKEN'],
    [404, 'not-found', 'there is no repository ann/a on 127.0.0.1'],
    [410, 'not-found', 'there is no repository ann/a on 127.0.0.1'],
    [418, 'engine-failed', 'status 418'],
  ])('status %i is said in words, at once', async (status, code, words) => {
    source.before = (response) => {
      response.writeHead(status).end();
      return true;
    };
    const store = await bench.openStore();
    expect(await failure(pull(store, 'hf.co/ann/a'))).toMatchObject({ code, message: expect.stringContaining(words) });
    expect(source.requests).toHaveLength(1);
  });

  test('a quantization that is not there is answered with those that are', async () => {
    source.addRepository('ann/a', { 'm-Q4_0.gguf': makeModel(), 'm-BF16.gguf': makeModel(), 'README.md': makeModel() });
    source.addRepository('ann/b', { 'README.md': makeModel() });
    const store = await bench.openStore();
    const missing = await failure(pull(store, 'hf.co/ann/a:Q5_K_M'));
    expect(missing.message).toBe('ann/a has no quantization Q5_K_M; it has Q4_0, BF16');
    expect((await failure(pull(store, 'hf.co/ann/b'))).message).toBe('ann/b has no GGUF files');
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
    const store = await bench.openStore();
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
    const store = await bench.openStore();
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
    const store = await bench.openStore({ token: 'hf_x' });
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
    const store = await bench.openStore();
    expect((await failure(pull(store, `${source.url}/m.gguf`))).message).toContain('redirects more than 5 times');
    expect(source.requests).toHaveLength(6);
  });

  test('to nothing but HTTP', async () => {
    source.before = (response) => {
      response.writeHead(302, { location: 'file:///etc/passwd' }).end();
      return true;
    };
    const store = await bench.openStore();
    expect((await failure(pull(store, `${source.url}/m.gguf`))).message).toContain('redirects to what is no address');
  });
});
