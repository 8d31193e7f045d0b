import type { ModelReport } from '@waggle/shared/cluster/model.ts';
import { settled } from '@waggle/shared/testing/hand-clock.ts';
import { describe, expect, it } from 'vitest';
import { FakeCluster, type FakeNode } from '../testing/fake-cluster.ts';
import { RecordingJob } from '../testing/recording-job.ts';

let count = 0;

/** The keep_alive that a job is sent with, in seconds. */
function send(cluster: FakeCluster, keepAliveSeconds?: number): number | undefined {
  const job = new RecordingJob(`job-${++count}`, { heldSince: cluster.clock.now(), keepAliveSeconds });
  cluster.scheduler.hold(job);
  cluster.scheduler.release(job.place);
  return job.place.pins.keepAliveSeconds;
}

function hot(leftMs: number): Partial<ModelReport> {
  const expiresAt = new Date(Date.now() + leftMs).toISOString();
  return { numCtx: 4_096, resident: { sizeBytes: 1, vramBytes: 0, expiresAt } };
}

const minute = 60_000;
const hour = 60 * minute;

describe('keep_alive of jobs', () => {
  it('is left to the engine where no client asks for any', () => {
    const cluster = new FakeCluster();
    cluster.join('a', { models: [hot(23 * hour)] });
    expect(send(cluster)).toBeUndefined();
  });

  it('is never less than what the engine promises already', () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a', { models: [hot(2 * hour)] });
    const seconds = send(cluster, 60);
    expect(seconds).toBeGreaterThan(7_190);
    expect(seconds).toBeLessThanOrEqual(7_200);
    node.report([{ resident: { sizeBytes: 1, vramBytes: 0, expiresAt: '2319-03-03T16:17:44.6Z' } }]);
    expect(send(cluster, 60)).toBe(-1);
  });

  it('is the longest that any client asked for, until that is over', async () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a', { models: [hot(minute)] });
    expect(send(cluster, 3_600)).toBe(3_600);
    // The engine does not say so yet: what was promised goes with every job.
    await cluster.clock.advance(10 * minute);
    expect(send(cluster)).toBe(3_000);
    expect(send(cluster, 60)).toBe(3_000);
    node.report([hot(50 * minute + 1_000)]);
    expect(send(cluster)).toBeUndefined();
    // It lost the model, and has loaded it again by itself.
    node.report([hot(5 * minute)]);
    expect(send(cluster)).toBe(3_000);
    expect(send(cluster, -1)).toBe(-1);
    await cluster.clock.advance(hour);
    expect(send(cluster)).toBe(-1);
  });

  it('is what was asked for another name of the same content, if that is longer', () => {
    const cluster = new FakeCluster();
    const copies = [
      hot(minute),
      { ...hot(minute), name: 'copy' },
      { ...hot(minute), name: 'other', digest: 'sha256:2' },
    ];
    cluster.join('a', { lanes: 3, models: copies });
    cluster.placement('a', 'copy').keepUntil = cluster.clock.now() + hour;
    cluster.placement('a', 'other').keepUntil = cluster.clock.now() + 2 * hour;
    expect(send(cluster, 60)).toBe(3_600);
  });

  it('is known until the engine reports again', () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a', { models: [hot(minute)] });
    const leftMs = () => cluster.served('a').toldUntil - Date.now();
    send(cluster);
    expect(leftMs()).toBeLessThan(0);
    send(cluster, 3_600);
    expect(Math.abs(leftMs() - hour)).toBeLessThan(minute);
    node.report([hot(hour)]);
    expect(leftMs()).toBeLessThan(0);
    send(cluster, -1);
    expect(leftMs()).toBe(Number.POSITIVE_INFINITY);
  });

  it('of a short stay is no shorter than the usual one', () => {
    const cluster = new FakeCluster();
    cluster.join('a', { models: [hot(minute)] });
    expect(send(cluster, 10)).toBe(300);
    expect(send(cluster, 0)).toBe(undefined);
  });
});

describe('engines that keep nothing by themselves', () => {
  async function load(cluster: FakeCluster, node: FakeNode, stays: boolean): Promise<unknown> {
    cluster.scheduler.hold(new RecordingJob(`job-${++count}`, { heldSince: cluster.clock.now() }));
    const loading = node.link.loads.at(-1);
    loading?.resolve();
    await settled();
    for (const lane of node.busy) lane.finish();
    node.report([stays ? hot(minute) : { state: 'cold', numCtx: 4_096 }]);
    await cluster.clock.advance(5_000);
    node.report([{ state: 'cold', numCtx: 4_096 }]);
    return loading?.command.pins;
  }

  it.each([
    [true, { numCtx: 4_096 }],
    [false, { numCtx: 4_096, keepAliveSeconds: 30 }],
  ])('are told to keep a model until its job comes; keeping for a while: %s', async (stays, pins) => {
    const cluster = new FakeCluster();
    const node = cluster.join('a', { models: [{ state: 'cold', numCtx: 4_096 }] });
    expect(await load(cluster, node, stays)).toEqual({ numCtx: 4_096 });
    expect(await load(cluster, node, stays)).toEqual(pins);
  });
});
