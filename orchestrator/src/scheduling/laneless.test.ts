import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../testing/fake-cluster.ts';
import { hold, release } from '../testing/held-jobs.ts';

describe('a node that opens no lanes', () => {
  it('is waited for a while, then the client is told', async () => {
    const cluster = new FakeCluster();
    cluster.join('a', { lanes: 0 });
    const [first, second] = [hold(cluster), hold(cluster)];
    await cluster.clock.advance(9_000);
    expect([first.refusals, second.refusals]).toEqual([[], []]);
    await cluster.clock.advance(2_000);
    for (const { refusals } of [first, second])
      expect(refusals).toMatchObject([
        { code: 'no-node', message: expect.stringContaining('node a is connected but has opened no lanes') },
      ]);
    expect(cluster.scheduler.heldJobs).toBe(0);
    expect(hold(cluster).refusals).toHaveLength(1);
  });

  it('has its time again for those who come later', async () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a', { lanes: 0 });
    hold(cluster);
    await cluster.clock.advance(11_000);
    await cluster.clock.advance(60_000);
    const later = hold(cluster);
    await cluster.clock.advance(5_000);
    expect(later.refusals).toEqual([]);
    node.openLane();
    expect(later.node).toBe('a');
  });

  it('has its time again after it had one', async () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a', { lanes: 0 });
    const first = hold(cluster);
    const second = hold(cluster);
    await cluster.clock.advance(9_000);
    const lane = node.openLane();
    release(cluster, first);
    node.closeLane(lane);
    await cluster.clock.advance(5_000);
    expect([second.places.length, second.refusals]).toEqual([1, []]);
    const third = hold(cluster);
    await cluster.clock.advance(5_000);
    expect(third.refusals).toEqual([]);
  });

  it('leaves its jobs to another that becomes able to take them', async () => {
    const cluster = new FakeCluster();
    cluster.join('a', { lanes: 0 });
    cluster.join('b', { models: [{ sizeBytes: 31e9 }] });
    const busy = hold(cluster, { line: 'b', onlyNode: 'b' });
    expect(busy.node).toBe('b');
    const job = hold(cluster);
    await cluster.clock.advance(11_000);
    expect(job.refusals).toEqual([]);
    release(cluster, busy);
    expect(job.node).toBe('b');
  });

  it('may take its time with jobs it has', async () => {
    const cluster = new FakeCluster();
    cluster.join('a');
    hold(cluster);
    const waiting = hold(cluster);
    await cluster.clock.advance(600_000);
    expect(waiting.refusals).toEqual([]);
  });
});
