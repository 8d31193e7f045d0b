import type { ModelReport } from '@waggle/shared/cluster/model.ts';
import { describe, expect, it } from 'vitest';
import type { ModelSetting } from '../cluster/model-settings.ts';
import { FakeCluster, type FakeNode } from '../testing/fake-cluster.ts';
import { RecordingJob } from '../testing/recording-job.ts';
import { Preloader } from './preloader.ts';

const cold: Partial<ModelReport> = { state: 'cold' };

function setUp(setting: Partial<ModelSetting> = {}, awaitsNodes = () => false) {
  const cluster = new FakeCluster();
  cluster.want('llama3.2', { preload: 1, ...setting });
  const { registry, scheduler, settings, clock } = cluster;
  const preloader = new Preloader({ registry, scheduler, settings, awaitsNodes, clock });
  preloader.start();
  return { cluster, preloader, second: () => clock.advance(1_000) };
}

/** The names of the models that a node was told to load, with what for. */
const loadsOf = ({ link }: FakeNode) => link.loads.map(({ command }) => [command.model, command.pins]);

async function finish(cluster: FakeCluster, node: FakeNode): Promise<void> {
  node.link.loads.at(-1)?.resolve();
  await cluster.clock.advance(0);
  node.report([{ state: 'hot' }]);
}

describe('a model to be preloaded', () => {
  it('is loaded for ever, once, on the node that fits best', async () => {
    const { cluster, second } = setUp();
    const slow = cluster.join('slow', { models: [cold] });
    const fast = cluster.join('fast', {
      models: [cold],
      hardware: { gpus: [{ name: 'big', vendor: 'nvidia', vramBytes: 48e9 }] },
    });
    await second();
    expect(loadsOf(fast)).toEqual([['llama3.2:latest', { keepAliveSeconds: -1 }]]);
    await second();
    await finish(cluster, fast);
    await second();
    expect([loadsOf(fast), loadsOf(slow)]).toEqual([expect.objectContaining({ length: 1 }), []]);
  });

  it('is loaded with its keepAlive and numCtx, on the nodes that may serve it', async () => {
    const { cluster, second } = setUp({ keepAliveMs: 3_600_000, numCtx: 8_192, nodes: ['b'] });
    const a = cluster.join('a', { models: [cold] });
    const b = cluster.join('b', { models: [cold] });
    await second();
    expect([loadsOf(a), loadsOf(b)]).toEqual([[], [['llama3.2:latest', { keepAliveSeconds: 3_600, numCtx: 8_192 }]]]);
  });

  it('is loaded on as many nodes as wanted, counting those that have it', async () => {
    const { cluster, second } = setUp({ preload: 2 });
    const nodes = [cluster.join('a'), ...['b', 'c'].map((name) => cluster.join(name, { models: [cold] }))];
    await second();
    await second();
    expect(nodes.flatMap(loadsOf)).toHaveLength(1);
  });

  it('is loaded when a node joins, and again when it was lost', async () => {
    const { cluster, second } = setUp();
    await second();
    const node = cluster.join('a', { models: [cold] });
    await second();
    await finish(cluster, node);
    await second();
    expect(loadsOf(node)).toHaveLength(1);
    node.report([cold]);
    await second();
    expect(loadsOf(node)).toHaveLength(2);
  });

  it('is loaded elsewhere when its node left', async () => {
    const { cluster, second } = setUp();
    const a = cluster.join('a');
    const b = cluster.join('b', { models: [cold] });
    await second();
    expect(loadsOf(b)).toEqual([]);
    a.leave();
    await second();
    expect(loadsOf(b)).toHaveLength(1);
  });

  it('waits a moment for nodes that should be there', async () => {
    let isMissing = true;
    const { cluster, second } = setUp({}, () => isMissing);
    const node = cluster.join('a', { models: [cold] });
    await second();
    expect(loadsOf(node)).toEqual([]);
    isMissing = false;
    await second();
    expect(loadsOf(node)).toHaveLength(1);
    isMissing = true;
    node.leave();
    const { cluster: other, second: pass } = setUp({}, () => true);
    const late = other.join('a', { models: [cold] });
    for (let count = 0; count < 5; count++) await pass();
    expect(loadsOf(late)).toHaveLength(1);
  });

  it('is not loaded again in its context under who uses it', async () => {
    const { cluster, second } = setUp();
    const node = cluster.join('a', { models: [{ numCtx: 4_096 }] });
    const job = new RecordingJob('job', { heldSince: cluster.clock.now() });
    cluster.scheduler.hold(job);
    cluster.want('llama3.2', { preload: 1, numCtx: 8_192 });
    await second();
    expect(loadsOf(node)).toEqual([]);
    cluster.scheduler.release(job.place);
    await second();
    expect(loadsOf(node)).toEqual([['llama3.2:latest', { keepAliveSeconds: -1, numCtx: 8_192 }]]);
  });

  it('stays away when a client sent it away, until somebody asks for it', async () => {
    const { cluster, second } = setUp();
    const node = cluster.join('a');
    await second();
    cluster.placement('a').sendAway();
    node.report([cold]);
    await second();
    expect(loadsOf(node)).toEqual([]);
    const job = new RecordingJob('job', { heldSince: cluster.clock.now() });
    cluster.scheduler.hold(job);
    await finish(cluster, node);
    node.report([cold]);
    await second();
    expect(loadsOf(node)).toHaveLength(2);
  });

  it('that cannot be loaded is tried again ever later', async () => {
    const { cluster, second } = setUp();
    const node = cluster.join('a', { models: [cold] });
    const at: number[] = [];
    for (let count = 0; count < 40; count++) {
      const before = node.link.loads.length;
      await second();
      if (node.link.loads.length > before) at.push(count);
      node.link.loads.at(-1)?.reject(new Error('no'));
      await cluster.clock.advance(0);
    }
    expect(at).toEqual([0, 10, 30]);
  });
});

describe('what has no room beside another model', () => {
  const small = { memoryBytes: 3e9 };
  const models = [cold, { name: 'other:latest', digest: 'sha256:2' }];

  it('waits until that was not used for a while', async () => {
    const { cluster, second } = setUp();
    const node = cluster.join('a', { models, hardware: small });
    const job = new RecordingJob('job', { targets: ['other:latest'], heldSince: cluster.clock.now() });
    cluster.scheduler.hold(job);
    await second();
    cluster.scheduler.release(job.place);
    await cluster.clock.advance(290_000);
    expect(loadsOf(node)).toEqual([]);
    await cluster.clock.advance(20_000);
    expect(node.link.unloads.map(({ model }) => model)).toEqual(['other:latest']);
    expect(loadsOf(node)).toHaveLength(1);
  });

  it('waits as long as a client wants the other one to stay', async () => {
    const { cluster } = setUp();
    const node = cluster.join('a', { models, hardware: small });
    cluster.placement('a', 'other').keepUntil = Number.POSITIVE_INFINITY;
    await cluster.clock.advance(3_600_000);
    expect([loadsOf(node), node.link.unloads]).toEqual([[], []]);
  });
});
