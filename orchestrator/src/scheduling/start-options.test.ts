import type { StartOptions } from '@waggle/shared/cluster/job.ts';
import { settled } from '@waggle/shared/testing/hand-clock.ts';
import { describe, expect, it } from 'vitest';
import { FakeCluster, type FakeNode } from '../testing/fake-cluster.ts';
import { hold, release } from '../testing/held-jobs.ts';

const one = { startOptions: { num_thread: 1 } };
const four = { startOptions: { num_thread: 4 } };

/** Ends the load that was commanded last; what it was to be loaded with. */
async function load(node: FakeNode): Promise<unknown> {
  const { command, resolve } = node.link.loads.at(-1) ?? {};
  resolve?.();
  await settled();
  return command?.pins.startOptions;
}

describe('options that a model is started with', () => {
  it('cost a load, and go with every job after it', async () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a');
    const asking = hold(cluster, one);
    expect(asking.places).toEqual([]);
    expect(await load(node)).toEqual({ num_thread: 1 });
    expect(asking.place.pins.startOptions).toEqual({ num_thread: 1 });
    release(cluster, asking);
    const plain = hold(cluster);
    expect(plain.place.pins.startOptions).toEqual({ num_thread: 1 });
    release(cluster, plain);
    expect(hold(cluster, one).node).toBe('a');
    expect(node.link.loads).toHaveLength(1);
  });

  it('are added to those of others, the last one’s counting', async () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a');
    const asked: readonly StartOptions[] = [{ num_thread: 1, num_batch: 64 }, { num_thread: 4 }];
    for (const startOptions of asked) {
      const job = hold(cluster, { startOptions });
      await load(node);
      release(cluster, job);
    }
    expect(hold(cluster).place.pins.startOptions).toEqual({ num_thread: 4, num_batch: 64 });
    expect(node.link.loads).toHaveLength(2);
  });

  it('are looked for where they are', async () => {
    const cluster = new FakeCluster();
    const [a, b] = [cluster.join('a'), cluster.join('b')];
    for (const node of [a, b]) {
      const job = hold(cluster, { ...(node === a ? one : four), onlyNode: node === a ? 'a' : 'b' });
      await load(node);
      release(cluster, job);
    }
    for (let round = 0; round < 2; round++) {
      const jobs = [hold(cluster, one), hold(cluster, four)];
      expect(jobs.map((job) => job.node)).toEqual(['a', 'b']);
      for (const job of jobs) release(cluster, job);
    }
  });

  it('are forgotten with the model', async () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a');
    const job = hold(cluster, one);
    await load(node);
    release(cluster, job);
    node.report([{ state: 'cold' }]);
    const later = hold(cluster);
    expect(await load(node)).toBeUndefined();
    expect(later.place.pins.startOptions).toBeUndefined();
  });

  it('are nothing to an engine that has none', () => {
    const cluster = new FakeCluster();
    cluster.join('a');
    const { engine } = cluster.served('a');
    engine.update({ ...engine.report, kind: 'vllm' });
    expect(hold(cluster, one).node).toBe('a');
  });
});
