import { expect, test } from 'vitest';
import { CoreRefusal } from './core-refusal.ts';
import { unstoppable } from './pause.ts';
import { Residency, type ResidencyOptions } from './residency.ts';
import { compileModel, type ScriptedModel } from './scripted-model.ts';

const never = () => unstoppable;
const plain = { runner: '' };

function createResidency(options: Partial<ResidencyOptions> = {}): Residency {
  return new Residency({ maxLoaded: 2, maxQueue: 10, defaultNumCtx: 4096, keepAliveMs: 300_000, ...options }, () => {});
}

function model(name: string, facts: Partial<ScriptedModel> = {}) {
  return compileModel({ name, ...facts }, { slots: 1, timeScale: 1, tagged: false });
}

const names = (residency: Residency) => residency.list().map((resident) => resident.model.name);

test('the least recently used idle model makes room', async () => {
  const residency = createResidency();
  const [a, b, c] = [model('a'), model('b'), model('c')];
  const first = await residency.acquire(a, plain, never);
  const second = await residency.acquire(b, plain, never);
  residency.release(second, undefined);
  residency.release(first, undefined);
  residency.release(await residency.acquire(a, plain, never), undefined);
  await residency.acquire(c, plain, never);
  expect(names(residency)).toEqual(['a', 'c']);
});

test('a model in use is never unloaded; who needs its room waits, and so do those behind', async () => {
  const residency = createResidency({ maxLoaded: 1 });
  const [a, b] = [model('a'), model('b')];
  const held = await residency.acquire(a, plain, never);
  const order: string[] = [];
  const waiting = [b, a].map(async (wanted, index) => {
    // Another num_ctx, so that the second cannot go straight on either.
    const resident = await residency.acquire(wanted, { runner: '', numCtx: 1000 + index }, never);
    order.push(wanted.name);
    residency.release(resident, undefined);
  });
  expect(residency.waiting).toBe(2);
  expect(names(residency)).toEqual(['a']);
  residency.release(held, undefined);
  await Promise.all(waiting);
  expect(order).toEqual(['b', 'a']);
});

test('requests that come while a model loads share the load', async () => {
  const residency = createResidency();
  const slow = model('slow', { loadMs: 5 });
  const residents = await Promise.all([1, 2, 3].map(async () => residency.acquire(slow, plain, never)));
  expect(new Set(residents).size).toBe(1);
  expect(residents[0]?.users).toBe(3);
  expect(residency.loadCounts.get('slow')).toBe(1);
});

test('a load is given up when nobody waits for it any more', async () => {
  const residency = createResidency();
  const slow = model('slow', { loadMs: 60_000 });
  const leaving = [new AbortController(), new AbortController()];
  const waiting = leaving.map(async ({ signal }) => residency.acquire(slow, plain, () => signal));
  const outcomes = Promise.allSettled(waiting);
  expect(residency.isLoading('slow')).toBe(true);
  leaving[0]?.abort();
  expect(residency.isLoading('slow')).toBe(true);
  leaving[1]?.abort();
  expect(residency.isLoading('slow')).toBe(false);
  const codes = (await outcomes).map((outcome) => (outcome.status === 'rejected' ? outcome.reason : undefined));
  expect(codes).toEqual([new CoreRefusal('gone'), new CoreRefusal('gone')]);
  expect(names(residency)).toEqual([]);
});

test('a model that is wanted otherwise is loaded anew only when nobody uses it', async () => {
  const residency = createResidency();
  const a = model('a');
  const held = await residency.acquire(a, { runner: '', numCtx: 1000 }, never);
  const other = residency.acquire(a, { runner: '', numCtx: 2000 }, never);
  expect(residency.list().map(({ numCtx }) => numCtx)).toEqual([1000]);
  residency.release(held, undefined);
  expect(await other).not.toBe(held);
  expect(residency.list().map(({ numCtx }) => numCtx)).toEqual([2000]);
});

test('a load that was given up does not come to its end', async () => {
  const residency = createResidency();
  const slow = model('slow', { loadMs: 10 });
  const leaving = new AbortController();
  const gone = residency.acquire(slow, plain, () => leaving.signal);
  const outcome = Promise.allSettled([gone]);
  leaving.abort();
  await outcome;
  await residency.acquire(slow, plain, never);
  expect(residency.loadCounts.get('slow')).toBe(1);
});

test('more than the queue holds are refused; a loaded model needs no queue', async () => {
  const residency = createResidency({ maxQueue: 3 });
  const slow = model('slow', { loadMs: 5 });
  const asked = await Promise.allSettled(Array.from({ length: 8 }, async () => residency.acquire(slow, plain, never)));
  expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(4);
  const again = await Promise.allSettled(Array.from({ length: 8 }, async () => residency.acquire(slow, plain, never)));
  expect(again.filter(({ status }) => status === 'fulfilled')).toHaveLength(8);
});

test('a model goes when its time is over, at once with 0, never with Infinity', async () => {
  const residency = createResidency();
  const [a, b] = [model('a'), model('b')];
  residency.release(await residency.acquire(a, plain, never), 0);
  expect(names(residency)).toEqual([]);
  residency.release(await residency.acquire(a, plain, never), 0.000_001);
  residency.release(await residency.acquire(b, plain, never), Number.POSITIVE_INFINITY);
  expect(names(residency)).toEqual(['b']);
});

test('a model that is told to go while it works goes when it is done, unless it is asked for again', async () => {
  const residency = createResidency();
  const a = model('a');
  const first = await residency.acquire(a, plain, never);
  residency.unload('a');
  expect(names(residency)).toEqual(['a']);
  residency.release(first, undefined);
  expect(names(residency)).toEqual([]);
  const second = await residency.acquire(a, plain, never);
  residency.unload('a');
  const third = await residency.acquire(a, plain, never);
  residency.release(second, undefined);
  residency.release(third, undefined);
  expect(names(residency)).toEqual(['a']);
});

test('a slow unload leaves the model listed, with its time in the past', async () => {
  const residency = createResidency();
  residency.release(await residency.acquire(model('a', { unloadMs: 60_000 }), plain, never), 0);
  const [leaving] = residency.list();
  expect(leaving?.expiresAt).toBeLessThanOrEqual(performance.timeOrigin + performance.now());
  expect(residency.find('a')).toBeUndefined();
});
