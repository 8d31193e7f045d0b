import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { settled } from '@waggle/shared/testing/hand-clock.ts';
import { describe, expect, it } from 'vitest';
import type { FakeNode } from '../testing/fake-cluster.ts';
import { InferenceBed } from './inference-bed.ts';

const usage = { promptTokens: 20, completionTokens: 10 };
const wish = { requestHash: 'asked', read: true };

/** Makes the one running job say its words. */
async function answer(node: FakeNode, text: string) {
  const lane = node.busyLane;
  lane.text(text);
  lane.finish({ usage });
  await settled();
}

describe('what was answered before', () => {
  it('is given again without a node', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a');
    const first = bed.run({ cacheWish: wish });
    await answer(node, 'hello');
    expect(first.record).toMatchObject({ cache: 'miss', node: 'a', state: 'done' });
    const again = bed.run({ cacheWish: wish });
    await settled();
    expect(node.busy).toEqual([]);
    expect(again.text).toBe('hello');
    expect(again.record).toMatchObject({ cache: 'hit', node: 'a', state: 'done', attempts: [], usage });
    expect(bed.requests.list({ limit: 9 })).toHaveLength(2);
    expect(bed.cache.stats()).toMatchObject({ hits: 1, misses: 1, coalesced: 0, stored: 1, entries: 1, hitRate: 0.5 });
  });

  it.each([
    ['another request', { cacheWish: { requestHash: 'other', read: true } }],
    ['one that wants a new answer', { cacheWish: { ...wish, read: false } }],
    ['one that says nothing of it', {}],
  ])('is not given to %s', async (_what, asked) => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a');
    bed.run({ cacheWish: wish });
    await answer(node, 'old');
    const next = bed.run(asked);
    await answer(node, 'new');
    expect(next.text).toBe('new');
  });

  it('is replaced by a new answer that was asked for', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a');
    bed.run({ cacheWish: wish });
    await answer(node, 'old');
    bed.run({ cacheWish: { ...wish, read: false } });
    await answer(node, 'new');
    const third = bed.run({ cacheWish: wish });
    await settled();
    expect(third.text).toBe('new');
  });

  it('is forgotten after its time', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a');
    bed.run({ cacheWish: wish });
    await answer(node, 'old');
    await bed.clock.advance(60_001);
    bed.run({ cacheWish: wish });
    await answer(node, 'new');
    expect(bed.cache.stats()).toMatchObject({ hits: 0, misses: 2 });
  });

  it('is forgotten when the model became another', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a', { models: [{ digest: 'one' }] });
    bed.run({ cacheWish: wish });
    await answer(node, 'old');
    node.report([{ digest: 'two' }]);
    const next = bed.run({ cacheWish: wish });
    await answer(node, 'new');
    expect(next.text).toBe('new');
    node.report([{ digest: 'one' }]);
    expect(bed.run({ cacheWish: wish }).record.cache).toBe('hit');
  });

  it('is every node’s where all agree on the digest, else the one’s that said it', async () => {
    const bed = new InferenceBed();
    const a = bed.cluster.join('a', { models: [{ digest: 'one' }] });
    bed.run({ cacheWish: wish });
    await answer(a, 'from a');
    a.leave();
    const b = bed.cluster.join('b', { models: [{ digest: 'one' }] });
    expect(bed.run({ cacheWish: wish }).record).toMatchObject({ cache: 'hit', node: 'a' });
    b.report([{ digest: '' }]);
    bed.run({ cacheWish: wish });
    await answer(b, 'from b');
    expect(bed.run({ cacheWish: wish }).record).toMatchObject({ cache: 'hit', node: 'b' });
    // Another start of the engine may be another model.
    b.reportHealth('down');
    b.reportHealth('up');
    expect(bed.run({ cacheWish: wish }).record.cache).toBe('miss');
  });

  it('is not kept when the model became another while it was made, nor given to who asks then', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a', { lanes: 2, models: [{ digest: 'one', parallel: 2 }] });
    bed.run({ cacheWish: wish });
    await settled();
    const [old] = node.busy;
    node.report([{ digest: 'two', parallel: 2 }]);
    const second = bed.run({ cacheWish: wish });
    await settled();
    expect(second.record.cache).toBe('miss');
    const [fresh] = node.busy.filter((lane) => lane !== old);
    old?.text('old');
    old?.finish({ usage });
    await settled();
    expect(bed.cache.stats()).toMatchObject({ stored: 0 });
    fresh?.text('new');
    fresh?.finish({ usage });
    await settled();
    const third = bed.run({ cacheWish: wish });
    await settled();
    expect(third).toMatchObject({ text: 'new', record: { cache: 'hit' } });
  });

  it('is asked anew when its context, or the nodes that may give it, are to be others', async () => {
    const bed = new InferenceBed();
    const [a, b] = ['a', 'b'].map((name) => bed.cluster.join(name, { models: [{ digest: name }] }));
    if (a === undefined || b === undefined) throw new Error('no nodes');
    bed.cluster.want('llama3.2', { nodes: ['a'] });
    bed.run({ cacheWish: wish });
    await answer(a, 'from a');
    bed.cluster.want('llama3.2', { nodes: ['a'], numCtx: 512 });
    bed.run({ cacheWish: wish });
    await answer(a, 'from a, shorter');
    bed.cluster.want('llama3.2', { nodes: ['b'] });
    const third = bed.run({ cacheWish: wish });
    await answer(b, 'from b');
    expect(third.text).toBe('from b');
    bed.cluster.want('llama3.2', { nodes: ['a'], numCtx: 512 });
    const again = bed.run({ cacheWish: wish });
    await settled();
    expect(again).toMatchObject({ text: 'from a, shorter', record: { cache: 'hit' } });
  });

  it('is never that of a stand-in, and the cache hears nothing of it', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a', { models: [{ scripted: true }] });
    for (const _ of [1, 2]) {
      const asked = bed.run({ cacheWish: wish });
      await answer(node, 'hello');
      expect([asked.text, asked.record.cache]).toEqual(['hello', undefined]);
    }
    expect(bed.cache.stats()).toMatchObject({ misses: 0, stored: 0, entries: 0 });
  });

  it('is one start’s of one engine where none tells a digest', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a', { models: [{ digest: '' }] });
    bed.run({ cacheWish: wish });
    await answer(node, 'old');
    expect(bed.run({ cacheWish: wish }).record.cache).toBe('hit');
    node.reportHealth('down');
    node.reportHealth('up');
    expect(bed.run({ cacheWish: wish }).record.cache).toBe('miss');
  });

  it('is not looked for where the cache is off', async () => {
    const bed = new InferenceBed();
    bed.cacheLimits.maxBytes = 0;
    const node = bed.cluster.join('a');
    const asked = bed.run({ cacheWish: wish });
    await answer(node, 'hello');
    expect([asked.text, asked.record.cache, bed.cache.stats().misses]).toEqual(['hello', undefined, 0]);
  });

  it('is given by its own model’s name only', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a', { models: [{ digest: 'one' }] });
    bed.run({ cacheWish: wish });
    await answer(node, 'old');
    bed.awaitsNodes = false;
    const absent = bed.run({ cacheWish: wish, facts: { model: 'absent' } });
    await settled();
    expect(absent.errors).toMatchObject([{ code: 'model-not-found' }]);
  });

  it('was whole: what failed or was cut is not kept', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a');
    const cut = bed.run({ cacheWish: wish });
    node.busyLane.text('half');
    await settled();
    await cut.abort(new ClusterError('client-gone', 'left'));
    expect(bed.cache.stats()).toMatchObject({ stored: 0, entries: 0 });
  });
});

describe('those who ask the same at the same time', () => {
  it('are answered together', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a', { lanes: 4 });
    const asked = [1, 2, 3].map(() => bed.run({ cacheWish: wish }));
    await settled();
    node.busyLane.text('hel');
    await settled();
    expect(asked.map(({ record }) => record.state)).toEqual(['running', 'running', 'running']);
    await answer(node, 'lo');
    expect(asked.map(({ text }) => text)).toEqual(['hello', 'hello', 'hello']);
    expect(asked.map(({ record }) => record.cache)).toEqual(['miss', 'coalesced', 'coalesced']);
    expect(asked.map(({ record }) => record.state)).toEqual(['done', 'done', 'done']);
    expect(asked[2]?.record).toMatchObject({ node: 'a', attempts: [] });
    expect(bed.cache.stats()).toMatchObject({ misses: 1, coalesced: 2, hitRate: 2 / 3 });
  });

  it('do not wait for one of a lower priority, nor for one that wants it whole', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a', { lanes: 4, models: [{ parallel: 4 }] });
    bed.run({ cacheWish: wish });
    bed.run({ cacheWish: wish, priority: 'high' });
    bed.run({ cacheWish: wish, facts: { stream: false } });
    await settled();
    expect(node.busy).toHaveLength(3);
  });

  it('leave one by one: the last of them ends the job', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a');
    const [first, second] = [bed.run({ cacheWish: wish }), bed.run({ cacheWish: wish })];
    await settled();
    const lane = node.busyLane;
    await first.abort(new ClusterError('client-gone', 'left'));
    expect(first.errors).toMatchObject([{ code: 'client-gone' }]);
    expect(lane.isBusy).toBe(true);
    lane.text('go on');
    await settled();
    expect(second.text).toBe('go on');
    expect(lane.wasCancelled).toBe(false);
    await second.abort(new ClusterError('client-gone', 'left'));
    expect(lane.wasCancelled).toBe(true);
    expect(second.record.state).toBe('client-gone');
  });

  it('keep no deadline but their own', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a');
    bed.run({ cacheWish: wish, deadlineMs: 50 });
    await settled();
    expect(node.busyLane.job.header.remainingMs).toBeUndefined();
  });

  it('get the newest of two that are being made', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a', { lanes: 4, models: [{ parallel: 4 }] });
    bed.run({ cacheWish: wish });
    await settled();
    const [old] = node.busy;
    bed.run({ cacheWish: { ...wish, read: false } });
    await settled();
    old?.text('old');
    old?.finish({ usage });
    await settled();
    const third = bed.run({ cacheWish: wish });
    await answer(node, 'new');
    expect(third).toMatchObject({ text: 'new', record: { cache: 'coalesced' } });
  });

  it('begin anew after a failure', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a');
    const [first, second] = [bed.run({ cacheWish: wish }), bed.run({ cacheWish: wish })];
    await settled();
    node.busyLane.fail('request');
    await settled();
    expect(first.errors).toHaveLength(1);
    expect(second.errors).toHaveLength(1);
    const third = bed.run({ cacheWish: wish });
    await answer(node, 'now');
    expect(third.text).toBe('now');
  });
});
