import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { settled } from '@waggle/shared/testing/hand-clock.ts';
import { describe, expect, it } from 'vitest';
import type { FakeLane } from '../testing/fake-link.ts';
import { InferenceBed } from './inference-bed.ts';

const gone = new ClusterError('client-gone', 'the client closed the connection');
const usage = { promptTokens: 20, completionTokens: 10 };

const count = (lane: FakeLane, wanted: FakeLane['calls'][number]) =>
  lane.calls.filter((call) => call === wanted).length;

function oneNode(bed = new InferenceBed()) {
  const node = bed.cluster.join('a');
  return { bed, node, placement: bed.cluster.placement('a') };
}

describe('a client that leaves', () => {
  it('with the whole answer, before the engine said that it stopped, is a request that was done', async () => {
    const { bed, node, placement } = oneNode();
    const asking = bed.run({ facts: { keepAliveSeconds: 0 } });
    const lane = node.busyLane;
    lane.events({ type: 'text-delta', text: 'hello' }, { type: 'response-end', finishReason: 'stop', usage });
    await settled();
    expect(asking.isOver).toBe(true);
    await asking.abort(gone);
    expect(count(lane, 'cancel')).toBe(0);
    expect(placement.busyLanes).toBe(1);
    lane.end({ outcome: 'done', usage });
    await settled();
    expect(asking.errors).toEqual([]);
    expect(asking.record).toMatchObject({ state: 'done', usage });
    expect(asking.record.error).toBeUndefined();
    expect(bed.requests.totals).toMatchObject({ requests: 1, clientGone: 0, promptTokens: 20, completionTokens: 10 });
    expect(node.link.unloads).toHaveLength(1);
  });

  it.each(['abort', 'return'] as const)(
    'with a part of an answer that is whole here has gone, though its usage counts (%s)',
    async (way) => {
      const { bed, node } = oneNode();
      const asking = bed.ask();
      const lane = node.busyLane;
      lane.text('hello');
      lane.events({ type: 'text-delta', text: 'world' }, { type: 'response-end', finishReason: 'stop', usage });
      await asking.read();
      if (way === 'abort') await asking.abort(gone);
      else await asking.iterator.return?.();
      lane.end({ outcome: 'done', usage });
      await settled();
      expect(asking.record).toMatchObject({ state: 'client-gone', usage, error: { code: 'client-gone' } });
      expect(bed.requests.totals).toMatchObject({ clientGone: 1, promptTokens: 20 });
    },
  );

  it.each(['deadline-exceeded', 'draining'] as const)(
    'is not who reads on after %s: the answer was there',
    async (code) => {
      const { bed, node } = oneNode();
      const asking = bed.ask();
      node.busyLane.text('hello');
      node.busyLane.events({ type: 'response-end', finishReason: 'stop' });
      await asking.abort(new ClusterError(code, 'too late'));
      await asking.readAll();
      node.busyLane.end({ outcome: 'done', usage });
      await settled();
      expect(asking.text).toBe('hello');
      expect(asking.errors).toEqual([]);
      expect(asking.record.state).toBe('done');
    },
  );

  it('while its request is held is forgotten at once', async () => {
    const { bed, node } = oneNode();
    bed.run();
    const held = bed.run();
    expect(bed.cluster.scheduler.heldJobs).toBe(1);
    await held.abort(gone);
    expect(bed.cluster.scheduler.heldJobs).toBe(0);
    expect(held.errors).toEqual([gone]);
    expect(held.record).toMatchObject({ state: 'client-gone', error: { code: 'client-gone' }, attempts: [] });
    node.busyLane.finish();
    expect(node.lanes[0]?.headers.map((header) => header.jobId)).toEqual(['r1']);
  });

  it('before it was asked for costs nothing', async () => {
    const { bed, node } = oneNode();
    const busy = bed.run();
    const asking = bed.ask();
    await asking.abort(gone);
    await asking.readAll();
    node.busyLane.finish();
    await settled();
    expect(asking.errors).toEqual([gone]);
    expect(busy.record.state).toBe('done');
    expect(node.busy).toEqual([]);
  });

  it('while its request runs has the lane cancelled once; it is free when the engine stopped', async () => {
    const { bed, node, placement } = oneNode();
    const asking = bed.run();
    const next = bed.run();
    const lane = node.busyLane;
    lane.text('hel');
    await asking.abort(gone);
    await asking.iterator.return?.();
    await settled();
    expect(count(lane, 'cancel')).toBe(1);
    expect(asking.errors).toEqual([gone]);
    expect(asking.record).toMatchObject({ state: 'client-gone', attempts: [{ outcome: 'cancelled' }] });
    expect(placement.busyLanes).toBe(1);
    expect(placement.served.engine.lanes.draining).toBe(1);
    expect(bed.cluster.scheduler.heldJobs).toBe(1);
    lane.text('lo');
    lane.end({ outcome: 'cancelled' });
    expect(lane.headers.map((header) => header.jobId)).toEqual(['r1', 'r2']);
    lane.finish();
    await settled();
    expect(asking.text).toBe('hel');
    expect(next.record.state).toBe('done');
    expect(placement.busyLanes).toBe(0);
    expect(bed.requests.totals).toMatchObject({ requests: 2, clientGone: 1, failed: 0 });
  });

  it('is neutral for the engine, whatever it says about the end', async () => {
    const { bed, node, placement } = oneNode();
    for (let left = 0; left < 10; left++) {
      const asking = bed.run();
      await asking.abort(gone);
      node.busyLane.end({ outcome: 'cancelled' });
      await settled();
    }
    expect(placement.breaker).toBe('closed');
    expect(placement.rates.errorRate).toBe(0);
  });

  it('after the answer stops nobody', async () => {
    const { bed, node, placement } = oneNode();
    const asking = bed.run();
    const lane = node.busyLane;
    lane.events({ type: 'text-delta', text: 'all' }, { type: 'response-end', finishReason: 'stop', usage });
    await settled();
    expect(asking.isOver).toBe(true);
    await asking.iterator.return?.();
    await asking.abort(gone);
    expect(lane.wasCancelled).toBe(false);
    expect(placement.busyLanes).toBe(1);
    lane.end({ outcome: 'done', usage });
    expect(placement.busyLanes).toBe(0);
    expect(asking.errors).toEqual([]);
    await asking.abort(gone);
    expect(bed.requests.totals.requests).toBe(1);
    expect(bed.requests.list({ limit: 9 })).toEqual([asking.record]);
  });

  it('by reading no further leaves as well', async () => {
    const { bed, node } = oneNode();
    const asking = bed.ask();
    const lane = node.busyLane;
    lane.text('a');
    expect(await asking.read()).toBe(true);
    lane.text('b');
    await asking.iterator.return?.();
    await settled();
    expect(count(lane, 'cancel')).toBe(1);
    expect(asking.record.state).toBe('client-gone');
    expect(await asking.read()).toBe(false);
    expect(asking.errors).toEqual([]);
    expect(asking.text).toBe('a');
  });

  it('sixteen at once leave all lanes free when their engines stopped, and the next sixteen are served', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a', { lanes: 16, models: [{ parallel: 16 }] });
    const placement = bed.cluster.placement('a');
    const leaving = Array.from({ length: 16 }, () => bed.run());
    const next = Array.from({ length: 16 }, () => bed.run());
    expect(node.busy).toHaveLength(16);
    await Promise.all(leaving.map((asking) => asking.abort(gone)));
    expect(node.busy.map((lane) => count(lane, 'cancel'))).toEqual(new Array(16).fill(1));
    expect(bed.cluster.scheduler.heldJobs).toBe(16);
    for (const lane of node.busy) lane.end({ outcome: 'cancelled' });
    expect(bed.cluster.scheduler.heldJobs).toBe(0);
    for (const lane of node.busy) lane.finish();
    await settled();
    expect(next.map((asking) => asking.record.state)).toEqual(new Array(16).fill('done'));
    expect(leaving.map((asking) => asking.record.state)).toEqual(new Array(16).fill('client-gone'));
    expect(placement.busyLanes).toBe(0);
    expect(placement.running.size).toBe(0);
    expect(placement.idleLanes).toBe(16);
  });
});

describe('a slow reader', () => {
  it('holds the engine back, until it has read enough', async () => {
    const { bed, node } = oneNode(new InferenceBed({ streamBufferBytes: 100 }));
    const asking = bed.ask();
    const lane = node.busyLane;
    lane.text('x'.repeat(60));
    expect(lane.calls).toEqual(['bind']);
    lane.text('x'.repeat(60));
    expect(lane.calls).toEqual(['bind', 'pause']);
    await asking.read();
    expect(lane.calls).toEqual(['bind', 'pause']);
    await asking.read();
    expect(lane.calls).toEqual(['bind', 'pause', 'resume']);
    lane.text('x'.repeat(101));
    expect(lane.calls).toEqual(['bind', 'pause', 'resume', 'pause']);
  });

  it('has its share of what the engine may fill', async () => {
    const bed = new InferenceBed({ nodeBufferBytes: 100 });
    const node = bed.cluster.join('a', { lanes: 2, models: [{ parallel: 2 }] });
    bed.ask();
    const alone = node.busyLane;
    alone.text('x'.repeat(60));
    expect(alone.calls).toEqual(['bind']);
    bed.ask();
    alone.text('x');
    expect(alone.calls).toEqual(['bind', 'pause']);
  });

  it('does not keep the word that the engine stopped from us', async () => {
    const { bed, node, placement } = oneNode(new InferenceBed({ streamBufferBytes: 100 }));
    const asking = bed.ask();
    const lane = node.busyLane;
    lane.text('x'.repeat(120));
    expect(lane.calls.at(-1)).toBe('pause');
    lane.events({ type: 'response-end', finishReason: 'stop' });
    expect(lane.calls.at(-1)).toBe('resume');
    lane.end({ outcome: 'done' });
    expect(placement.busyLanes).toBe(0);
    await asking.readAll();
    expect(asking.text).toBe('x'.repeat(120));
    expect(asking.errors).toEqual([]);
  });

  it('is no stall of the engine, and a cancel goes through', async () => {
    const { bed, node } = oneNode(new InferenceBed({ streamBufferBytes: 100, stallMaxMs: 10_000 }));
    const asking = bed.ask();
    const lane = node.busyLane;
    lane.text('x'.repeat(120));
    await bed.clock.advance(60_000);
    expect(lane.wasCancelled).toBe(false);
    await asking.abort(gone);
    expect(lane.calls).toEqual(['bind', 'pause', 'resume', 'cancel']);
  });
});
