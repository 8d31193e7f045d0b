import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../testing/fake-cluster.ts';
import { hold } from '../testing/held-jobs.ts';
import { RecordingJob } from '../testing/recording-job.ts';

describe('Scheduler, jobs nothing can take', () => {
  it('refuses at once what will not pass', () => {
    const cluster = new FakeCluster();
    cluster.join('a', { models: [{ state: 'cold', sizeBytes: 100e9 }] });
    expect(hold(cluster).refusals[0]).toMatchObject({ code: 'unsupported' });
    expect(hold(cluster, { targets: ['gone:latest'], model: 'Gone' }).refusals[0]).toMatchObject({
      code: 'no-node',
      message: 'no node that has Gone can be reached',
    });
  });

  it('waits 10 s for a node that left to come back', async () => {
    const cluster = new FakeCluster();
    cluster.join('a').leave();
    const job = hold(cluster);
    await cluster.clock.advance(9_000);
    expect(job.refusals).toEqual([]);
    cluster.join('a', { epoch: 2 });
    expect(job.node).toBe('a');
  });

  it('refuses all that wait when the 10 s are over, not one after the other', async () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a');
    node.suspect();
    const jobs = [hold(cluster), hold(cluster), hold(cluster)];
    await cluster.clock.advance(5_000);
    const late = hold(cluster);
    await cluster.clock.advance(5_000);
    expect(jobs.map((job) => job.refusals.length)).toEqual([1, 1, 1]);
    expect(jobs[0]?.refusals[0]).toMatchObject({ code: 'no-node' });
    expect(late.refusals).toEqual([]);
    await cluster.clock.advance(5_000);
    expect(late.refusals).toHaveLength(1);
    expect(cluster.scheduler.heldJobs).toBe(0);
  });

  it('counts the 10 s anew when something could take it in between', async () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a');
    hold(cluster);
    const job = hold(cluster);
    node.suspect();
    await cluster.clock.advance(8_000);
    cluster.scheduler.capacityChanged();
    node.recover();
    await cluster.clock.advance(8_000);
    node.suspect();
    cluster.scheduler.capacityChanged();
    await cluster.clock.advance(8_000);
    expect(job.refusals).toEqual([]);
  });

  it.each([
    ['suspect', (node: ReturnType<FakeCluster['join']>) => node.suspect()],
    ['draining', (node: ReturnType<FakeCluster['join']>) => node.report([{}], { draining: true })],
    ['with its engine down', (node: ReturnType<FakeCluster['join']>) => node.reportHealth('down')],
  ])('binds nothing to a node that is %s', (_, change) => {
    const cluster = new FakeCluster();
    const node = cluster.join('a');
    change(node);
    expect(hold(cluster).places).toEqual([]);
    expect(node.lanes[0]?.calls).toEqual([]);
  });

  it('looks again when a rest is over, also when another timer came first', async () => {
    const cluster = new FakeCluster();
    cluster.join('a');
    cluster.join('b');
    const paused = new ClusterError('rate-limited', 'slow down');
    cluster.scheduler.rest(cluster.placement('b'), 1_000, paused);
    cluster.scheduler.rest(cluster.placement('a'), 4_000, paused);
    const [first, second] = [hold(cluster), hold(cluster)];
    await cluster.clock.advance(1_000);
    expect([first?.node, second?.node]).toEqual(['b', undefined]);
    await cluster.clock.advance(3_000);
    expect(second?.node).toBe('a');
  });

  it('looks again when a place that gave the job back is open to it again', async () => {
    const cluster = new FakeCluster();
    cluster.join('a');
    cluster.join('b');
    const job = new RecordingJob('given-back', { heldSince: cluster.clock.now() });
    hold(cluster, { onlyNode: 'b' });
    job.exclude(cluster.placement('a'), cluster.clock.now() + 100, new ClusterError('no-node', 'no slot'));
    cluster.scheduler.hold(job);
    expect(job.places).toEqual([]);
    await cluster.clock.advance(100);
    expect(job.node).toBe('a');
  });

  it('says what the last attempt said, where there was one', () => {
    const cluster = new FakeCluster();
    cluster.join('a');
    const job = new RecordingJob('failed', { heldSince: cluster.clock.now() });
    job.exclude(cluster.placement('a'), Number.POSITIVE_INFINITY, new ClusterError('engine-failed', 'CUDA error'));
    cluster.scheduler.hold(job);
    expect(job.refusals.map((error) => error.message)).toEqual(['CUDA error']);
  });
});
