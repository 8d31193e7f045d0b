import type { ModelReport } from '@waggle/shared/cluster/model.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { settled } from '@waggle/shared/testing/hand-clock.ts';
import { describe, expect, it } from 'vitest';
import { FakeCluster, type FakeNode } from '../testing/fake-cluster.ts';
import { hold, release } from '../testing/held-jobs.ts';

describe('Scheduler, jobs that wait by choice', () => {
  const gpu = { gpus: [{ name: '', vendor: '', vramBytes: 24e9 }] };

  it('waits for the fast node no longer than that could save, then takes the slow one', async () => {
    const cluster = new FakeCluster();
    cluster.join('fast', { hardware: gpu });
    cluster.join('slow');
    hold(cluster);
    const waiting = hold(cluster);
    expect(waiting.places).toEqual([]);
    expect(waiting.leaveBy).toBeGreaterThan(cluster.clock.now());
    await cluster.clock.advance((waiting.leaveBy ?? 0) - cluster.clock.now() - 1);
    expect(waiting.places).toEqual([]);
    await cluster.clock.advance(1);
    expect(waiting.node).toBe('slow');
    expect(waiting.place.decision.reason).toBe('patience');
  });

  it('takes the fast one if that is free before', async () => {
    const cluster = new FakeCluster();
    cluster.join('fast', { hardware: gpu });
    cluster.join('slow');
    const first = hold(cluster);
    const waiting = hold(cluster);
    await cluster.clock.advance(500);
    release(cluster, first);
    expect(waiting.node).toBe('fast');
    expect(waiting.place.decision).toMatchObject({ reason: 'waited', heldMs: 500 });
  });

  it('sends those that come later to the slow one, so that a queue leaves no lane idle', () => {
    const cluster = new FakeCluster();
    cluster.join('fast', { hardware: gpu });
    cluster.join('slow');
    const jobs = Array.from({ length: 12 }, () => hold(cluster));
    const nodes = jobs.map((job) => job.node);
    expect(nodes[0]).toBe('fast');
    expect(nodes[1]).toBeUndefined();
    expect(nodes.filter((node) => node === 'slow')).toHaveLength(1);
  });
});

describe('Scheduler, cold models', () => {
  const cold = { models: [{ state: 'cold' }] } as const;

  it('commands one load, however many jobs wait for it, and keeps them held meanwhile', async () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a', cold);
    const jobs = Array.from({ length: 5 }, () => hold(cluster));
    await cluster.clock.advance(2_000);
    node.report([{ state: 'loading' }]);
    expect(node.link.loads).toHaveLength(1);
    expect(node.link.loads[0]?.command).toMatchObject({ engineId: 'ollama', model: 'llama3.2:latest' });
    expect(jobs.every((job) => job.places.length === 0)).toBe(true);
    node.report([{ state: 'hot' }]);
    node.link.loads[0]?.resolve();
    await settled();
    expect(jobs.map((job) => job.node)).toEqual(['a', undefined, undefined, undefined, undefined]);
  });

  it('binds as soon as the load is done, though the report of it comes later, and commands no second one', async () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a', cold);
    const job = hold(cluster);
    await cluster.clock.advance(3_000);
    node.link.loads[0]?.resolve();
    await settled();
    expect(job.node).toBe('a');
    release(cluster, job);
    hold(cluster);
    expect(node.link.loads).toHaveLength(1);
    expect(cluster.placement('a').rates.loadMs).toBe(3_000);
  });

  it('lets a job go elsewhere while its load runs', async () => {
    const cluster = new FakeCluster();
    cluster.join('a', cold);
    const job = hold(cluster);
    cluster.join('b');
    expect(job.node).toBe('b');
  });

  it('waits no longer for the lanes of a node that opens none than a load elsewhere would take', async () => {
    const cluster = new FakeCluster();
    cluster.join('a', { lanes: 0 });
    const other = cluster.join('b', { models: [{ state: 'cold' }] });
    hold(cluster);
    await settled();
    expect(other.link.loads).toEqual([]);
    await cluster.clock.advance(2 * cluster.placement('b').rates.loadMs);
    expect(other.link.loads.length).toBe(1);
  });

  it('tells the job why the load failed, and tries the place again for others after a rest', async () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a', cold);
    const job = hold(cluster);
    node.link.loads[0]?.reject(new ClusterError('engine-failed', 'out of memory'));
    await settled();
    expect(job.refusals.map((error) => error.message)).toEqual(['out of memory']);
    const next = hold(cluster);
    expect(node.link.loads).toHaveLength(1);
    await cluster.clock.advance(2_000);
    expect(node.link.loads).toHaveLength(2);
    node.link.loads[1]?.resolve();
    await settled();
    expect(next.node).toBe('a');
  });

  it('takes a job whose load failed to the next best place', async () => {
    const cluster = new FakeCluster();
    const first = cluster.join('a', cold);
    const job = hold(cluster);
    const second = cluster.join('b', cold);
    first.link.loads[0]?.reject(new ClusterError('engine-failed', 'no'));
    await settled();
    expect(second.link.loads).toHaveLength(1);
    second.link.loads[0]?.resolve();
    await settled();
    expect(job.node).toBe('b');
  });

  it('gives a load up that takes too long', async () => {
    const cluster = new FakeCluster({ modelLoadMaxMs: 5_000 });
    const node = cluster.join('a', cold);
    const job = hold(cluster);
    await cluster.clock.advance(5_001);
    expect(node.link.loads[0]?.signal.aborted).toBe(true);
    expect(job.refusals).toHaveLength(1);
  });

  it('reloads for a larger context, and pins that from then on', async () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a', { models: [{ numCtx: 4_096, contextLength: 32_768 }] });
    const job = hold(cluster, { numCtx: 16_384 });
    expect(node.link.loads.map((load) => load.command.pins.numCtx)).toEqual([16_384]);
    node.link.loads[0]?.resolve();
    await settled();
    expect(job.place.pins.numCtx).toBe(16_384);
  });

  it('asks an engine that gives less context than it was asked for not again and again', async () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a', { models: [{ numCtx: 4_096 }] });
    const job = hold(cluster, { numCtx: 16_384 });
    node.link.loads[0]?.resolve();
    await settled();
    node.report([{ numCtx: 4_096 }]);
    expect(job.node).toBe('a');
    release(cluster, job);
    hold(cluster, { numCtx: 16_384 });
    expect(node.link.loads).toHaveLength(1);
  });

  it('makes room by unloading the idle model that was used least lately, never one with jobs', async () => {
    const cluster = new FakeCluster();
    const names = ['m1', 'm2', 'm3'];
    const models = names.map((name) => ({ name, state: name === 'm3' ? 'cold' : 'hot', parallel: 32 }) as const);
    const node = cluster.join('a', { lanes: 4, models });
    const line = (name: string) => ({ line: name, targets: [`${name}:latest`] });
    release(cluster, hold(cluster, line('m1')));
    await cluster.clock.advance(1_000);
    const busy = hold(cluster, line('m2'));
    const wanted = hold(cluster, line('m3'));
    await settled();
    expect(node.link.unloads.map((command) => command.model)).toEqual(['m1']);
    expect(node.link.loads.map((load) => load.command.model)).toEqual(['m3']);
    expect(hold(cluster, line('m1')).places).toEqual([]);
    expect(busy.node).toBe('a');
    node.link.loads[0]?.resolve();
    await settled();
    expect(wanted.node).toBe('a');
  });

  it('lets a model in after its fair time, though another has always more to do', async () => {
    const cluster = new FakeCluster();
    const large = { sizeBytes: 20e9 };
    const models = [
      { name: 'm1', ...large },
      { name: 'm2', state: 'cold' as const, ...large },
    ];
    const node = cluster.join('a', { models });
    const line = (name: string) => ({ line: name, targets: [`${name}:latest`] });
    let busy = hold(cluster, line('m1'));
    const wanted = hold(cluster, line('m2'));
    let seconds = 0;
    for (; node.link.loads.length === 0 && seconds < 100; seconds++) {
      const next = hold(cluster, line('m1'));
      await cluster.clock.advance(1_000);
      release(cluster, busy);
      if (next.places.length > 0) busy = next;
    }
    const fairMs = Math.max(30_000, 2 * cluster.placement('a', 'm1').rates.loadMs);
    expect(seconds * 1_000).toBeGreaterThanOrEqual(fairMs - 1_000);
    expect(seconds * 1_000).toBeLessThan(fairMs + 2_000);
    await settled();
    expect(node.link.unloads.map((command) => command.model)).toEqual(['m1']);
    node.report([
      { name: 'm1', state: 'cold', ...large },
      { name: 'm2', ...large },
    ]);
    node.link.loads[0]?.resolve();
    await settled();
    expect(wanted.node).toBe('a');
  });

  describe('of which one disappears when another is loaded', () => {
    const line = (name: string) => ({ line: name, targets: [`${name}:latest`] });
    const other = { m1: 'm2', m2: 'm1' } as const;

    /** Loads a model, whose job ends; with it the other one is gone. */
    async function swap(cluster: FakeCluster, node: FakeNode, name: 'm1' | 'm2', leaving: Partial<ModelReport> = {}) {
      node.report([
        { name: other[name], ...leaving },
        { name, state: 'cold' },
      ]);
      const job = hold(cluster, line(name));
      await settled();
      node.link.loads.at(-1)?.resolve();
      await settled();
      node.report([{ name: other[name], state: 'cold' }, { name }]);
      release(cluster, job);
      await cluster.clock.advance(70_000);
      node.report([{ name: other[name], state: 'cold' }, { name }]);
    }

    const join = (cluster: FakeCluster) =>
      cluster.join('a', { lanes: 2, models: [{ name: 'm1' }, { name: 'm2', state: 'cold' }] });

    /** What has to go for the next load. */
    async function unloads(cluster: FakeCluster, node: FakeNode): Promise<readonly string[]> {
      hold(cluster, line('m2'));
      await settled();
      return node.link.unloads.map((command) => command.model);
    }

    it('believes it for long when it happens again', async () => {
      const cluster = new FakeCluster();
      const node = join(cluster);
      await swap(cluster, node, 'm2');
      await swap(cluster, node, 'm1');
      expect(await unloads(cluster, node)).toEqual(['m1']);
    });

    it('believes it for a minute where it happened once: somebody may have told the engine', async () => {
      const cluster = new FakeCluster();
      const node = join(cluster);
      await swap(cluster, node, 'm1');
      expect(await unloads(cluster, node)).toEqual([]);
    });

    it('does not count one that goes when both were seen there: somebody told the engine', async () => {
      const cluster = new FakeCluster();
      const node = join(cluster);
      const job = hold(cluster, line('m2'));
      await settled();
      node.report([{ name: 'm1' }, { name: 'm2' }]);
      node.link.loads[0]?.resolve();
      await settled();
      release(cluster, job);
      node.report([{ name: 'm1', state: 'cold' }, { name: 'm2' }]);
      await cluster.clock.advance(5_000);
      hold(cluster, line('m1'));
      await settled();
      expect(node.link.unloads).toEqual([]);
      expect(node.link.loads.map(({ command }) => command.model)).toEqual(['m2', 'm1']);
    });

    it('does not count those that a client stopped', async () => {
      const cluster = new FakeCluster();
      const node = join(cluster);
      cluster.placement('a', 'm1').wasToldToGo = true;
      await swap(cluster, node, 'm2');
      cluster.placement('a', 'm2').wasToldToGo = true;
      await swap(cluster, node, 'm1');
      expect(await unloads(cluster, node)).toEqual([]);
    });

    it.each([
      ['does not count those whose time was over', 30_000, []],
      ['counts those whose time was not', 600_000, ['m1']],
    ])('%s', async (_which, leftMs, expected) => {
      const cluster = new FakeCluster();
      const node = join(cluster);
      const expiresAt = new Date(Date.now() + leftMs).toISOString();
      const leaving = { resident: { sizeBytes: 1, vramBytes: 0, expiresAt } };
      await swap(cluster, node, 'm2', leaving);
      await swap(cluster, node, 'm1', leaving);
      expect(await unloads(cluster, node)).toEqual(expected);
    });
  });

  it('makes resident on behalf of a client, where it is cheapest', async () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a', cold);
    const toResident = { targets: ['llama3.2:latest'], onlyNode: undefined, numCtx: undefined, needs: [] };
    const done = cluster.scheduler.makeResident({ ...toResident, keepAliveSeconds: -1 });
    const again = cluster.scheduler.makeResident({ ...toResident, keepAliveSeconds: 60 });
    expect(node.link.loads.map((load) => load.command.pins)).toEqual([{ keepAliveSeconds: -1 }]);
    node.link.loads[0]?.resolve();
    await Promise.all([done, again]);
    const missing = { ...toResident, targets: ['x:latest'], keepAliveSeconds: undefined };
    await expect(cluster.scheduler.makeResident(missing)).rejects.toMatchObject({ code: 'no-node' });
  });
});
