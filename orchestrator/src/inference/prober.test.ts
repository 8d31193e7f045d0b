import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { settled } from '@waggle/shared/testing/hand-clock.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeCluster, type FakeNode, type NodeFacts } from '../testing/fake-cluster.ts';
import { RecordingJob } from '../testing/recording-job.ts';
import { Prober } from './prober.ts';

/** opossum knows no clock but the process's own. */
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const model = 'llama3.2:latest';

/** A node whose model rests after five faults. */
async function setUp(facts: NodeFacts = { lanes: 2, models: [{ parallel: 2 }] }) {
  const cluster = new FakeCluster();
  const prober = new Prober({ scheduler: cluster.scheduler, clock: cluster.clock, logger: silentLogger });
  prober.start();
  const node = cluster.join('garage', facts);
  const placement = cluster.placement('garage');
  for (let count = 0; count < 5; count++) {
    placement.guard.admit()?.('fault');
    await settled();
  }
  expect(placement.breaker).toBe('open');
  return { cluster, node, placement, prober };
}

/** Both clocks. */
async function pass(cluster: FakeCluster, ms: number): Promise<void> {
  await cluster.clock.advance(ms);
  await vi.advanceTimersByTimeAsync(ms);
  await settled();
}

const probes = (node: FakeNode) =>
  node.lanes.flatMap((lane) => lane.headers).filter((header) => header.priority === 'low');

describe('Prober', () => {
  it('tests a hot place by one generation of one token, and nobody else gets in meanwhile', async () => {
    const { cluster, node, placement } = await setUp();
    await pass(cluster, 5_900);
    expect(node.busy).toEqual([]);
    await pass(cluster, 200);
    expect(placement.breaker).toBe('half-open');
    const { header, body } = node.busyLane.job;
    expect(header).toMatchObject({ endpoint: 'ollama.generate', engineId: 'ollama', model, stream: false });
    expect(JSON.parse(Buffer.from(body).toString())).toEqual({
      model,
      prompt: 'hi',
      stream: false,
      options: { num_predict: 1 },
    });
    const job = new RecordingJob('j');
    cluster.scheduler.hold(job);
    expect(job.places).toEqual([]);
    expect(node.busy).toHaveLength(1);
  });

  it('heals the place, and who waits for a busy one is placed there at once', async () => {
    const { cluster, node, placement } = await setUp();
    cluster.join('attic');
    const running = new RecordingJob('running');
    cluster.scheduler.hold(running);
    expect(running.node).toBe('attic');
    await pass(cluster, 6_000);
    const waiting = new RecordingJob('waiting', { heldSince: cluster.clock.now() });
    cluster.scheduler.hold(waiting);
    expect(waiting.places).toEqual([]);
    node.busyLane.finish({ usage: { promptTokens: 1, completionTokens: 1 } });
    await pass(cluster, 10);
    expect(placement.breaker).toBe('closed');
    expect(cluster.placement('attic').busyLanes).toBe(1);
    expect(waiting.node).toBe('garage');
  });

  it('a probe that is not answered is a fault, and its lane is free when the engine stopped', async () => {
    const { cluster, node, placement } = await setUp();
    await pass(cluster, 6_000);
    const lane = node.busyLane;
    await pass(cluster, 9_000);
    expect(lane.wasCancelled).toBe(false);
    expect(placement.breaker).toBe('half-open');
    await pass(cluster, 1_000);
    expect(placement.breaker).toBe('open');
    expect(lane.calls.filter((call) => call === 'cancel')).toHaveLength(1);
    expect(placement.busyLanes).toBe(1);
    lane.end({ outcome: 'cancelled' });
    expect(placement.busyLanes).toBe(0);
    await pass(cluster, 6_000);
    expect(probes(node)).toHaveLength(2);
  });

  it('a probe that fails lets the place rest again', async () => {
    const { cluster, node, placement } = await setUp();
    await pass(cluster, 6_000);
    node.busyLane.fail('engine');
    await settled();
    expect(placement.breaker).toBe('open');
    await pass(cluster, 5_900);
    expect(probes(node)).toHaveLength(1);
    await pass(cluster, 200);
    expect(probes(node)).toHaveLength(2);
  });

  it('a place that answers nothing useful is asked again only after a while', async () => {
    const { cluster, node, placement } = await setUp();
    await pass(cluster, 6_000);
    node.busyLane.fail('rate-limited');
    await settled();
    expect(placement.breaker).toBe('half-open');
    expect(node.busy).toEqual([]);
    await pass(cluster, 500);
    expect(probes(node)).toHaveLength(2);
    node.busyLane.decline();
    await pass(cluster, 499);
    expect(probes(node)).toHaveLength(2);
    await pass(cluster, 1);
    node.busyLane.finish();
    await settled();
    expect(placement.breaker).toBe('closed');
  });

  it('loads no cold model for it: one job of a user is let through', async () => {
    const { cluster, node, placement } = await setUp();
    node.report([{ state: 'cold' }]);
    await pass(cluster, 6_000);
    expect(placement.breaker).toBe('half-open');
    expect(probes(node)).toEqual([]);
    expect(node.link.loads).toEqual([]);
    cluster.scheduler.hold(new RecordingJob('j', { heldSince: cluster.clock.now() }));
    expect(node.link.loads).toHaveLength(1);
  });

  it('waits for a lane where all are taken', async () => {
    const { cluster, node } = await setUp({ lanes: 0, models: [{}] });
    await pass(cluster, 6_000);
    const lane = node.openLane();
    expect(lane.isBusy).toBe(false);
    await pass(cluster, 500);
    expect(lane.headers).toHaveLength(1);
  });

  it('asks a model that only embeds for an embedding', async () => {
    const { cluster, node } = await setUp({ lanes: 1, models: [{ capabilities: ['embedding'] }] });
    await pass(cluster, 6_000);
    const { header, body } = node.busyLane.job;
    expect(header.endpoint).toBe('ollama.embed');
    expect(JSON.parse(Buffer.from(body).toString())).toEqual({ model, input: 'hi' });
  });
});
