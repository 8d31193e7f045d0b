import { settled } from '@waggle/shared/testing/hand-clock.ts';
import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../testing/fake-cluster.ts';
import { RecordingJob } from '../testing/recording-job.ts';

type JobFacts = ConstructorParameters<typeof RecordingJob>[1];

function hold(cluster: FakeCluster, facts: JobFacts = {}): RecordingJob {
  const job = new RecordingJob('job', { heldSince: cluster.clock.now(), ...facts });
  cluster.scheduler.hold(job);
  return job;
}

describe('nodes', () => {
  it('only they serve the model, by whatever name a client asks for it', () => {
    const cluster = new FakeCluster();
    cluster.want('llama3.2', { nodes: ['b', 'nobody'] });
    for (const name of ['a', 'b', 'c']) cluster.join(name);
    const { place } = hold(cluster);
    expect(place.placement.node).toBe('b');
    expect(place.decision.candidates.map(({ node, excluded }) => [node, excluded])).toEqual([
      ['a', 'not-among-nodes'],
      ['b', undefined],
      ['c', 'not-among-nodes'],
    ]);
    cluster.want('llama3.2', { nodes: ['c'] });
    expect(hold(cluster).node).toBe('c');
  });

  it.each([{}, { onlyNode: 'a' }])('who asks for the model where none of them has it is told so: %j', (facts) => {
    const cluster = new FakeCluster();
    cluster.want('llama3.2', { nodes: ['b'] });
    cluster.join('a');
    expect(hold(cluster, facts).refusals).toMatchObject([
      { code: 'no-node', message: 'none of the nodes that may serve llama3.2 has it (models: nodes)' },
    ]);
  });

  it('one of the others is not even asked to refuse', () => {
    const cluster = new FakeCluster();
    cluster.want('llama3.2', { nodes: ['b'] });
    cluster.join('a', { models: [{ capabilities: ['completion'] }] });
    cluster.join('b', { models: [{ capabilities: ['completion'] }] });
    expect(hold(cluster, { needs: ['tools'] }).node).toBe('b');
  });

  it('what waits for them goes elsewhere when others may, too', () => {
    const cluster = new FakeCluster();
    cluster.want('llama3.2', { nodes: ['a'] });
    cluster.join('a');
    cluster.join('b');
    hold(cluster);
    const waiting = hold(cluster);
    expect(waiting.node).toBeUndefined();
    cluster.want('llama3.2', {});
    cluster.scheduler.capacityChanged();
    expect(waiting.node).toBe('b');
  });
});

describe('numCtx', () => {
  it('is the context of a load, and of every job after it', async () => {
    const cluster = new FakeCluster();
    cluster.want('llama3.2', { numCtx: 8_192 });
    const node = cluster.join('a', { models: [{ state: 'cold' }] });
    const job = hold(cluster);
    expect(node.link.loads[0]?.command.pins).toEqual({ numCtx: 8_192 });
    node.link.loads[0]?.resolve();
    await settled();
    expect(job.place.pins).toEqual({ numCtx: 8_192 });
  });

  it('is what a model is loaded with again that is there with less', () => {
    const cluster = new FakeCluster();
    cluster.want('llama3.2', { numCtx: 8_192 });
    const node = cluster.join('a', { models: [{ numCtx: 4_096 }] });
    hold(cluster);
    expect(node.link.loads[0]?.command.pins).toEqual({ numCtx: 8_192 });
  });

  it.each([
    ['a client asks for more', { numCtx: 16_384 }, {}, 16_384],
    ['a client asks for less', { numCtx: 2_048 }, {}, 8_192],
    ['the model cannot do as much', {}, { contextLength: 4_096 }, 4_096],
  ])('%s', (_what, job, model, numCtx) => {
    const cluster = new FakeCluster();
    cluster.want('llama3.2', { numCtx: 8_192 });
    const node = cluster.join('a', { models: [{ state: 'cold', ...model }] });
    hold(cluster, job);
    expect(node.link.loads[0]?.command.pins.numCtx).toBe(numCtx);
  });

  it('is the context of a load though the engine would take more by itself', async () => {
    const cluster = new FakeCluster();
    cluster.want('llama3.2', { numCtx: 2_048 });
    const node = cluster.join('a', { lanes: 3, models: [{ state: 'cold', numCtx: 4_096, parallel: 3 }] });
    const job = hold(cluster);
    node.link.loads[0]?.resolve();
    await settled();
    expect(job.place.pins).toEqual({ numCtx: 2_048 });
    // The engine did not report yet.
    expect(cluster.placement('a').numCtx).toBe(2_048);
    hold(cluster, { numCtx: 3_000 });
    expect(node.link.loads[1]?.command.pins).toEqual({ numCtx: 3_000 });
  });

  it('that is lowered counts with the next load, but for what clients asked', async () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a', { models: [{ state: 'cold' }] });
    const loadedWith = async (numCtx: number, asked?: number) => {
      cluster.want('llama3.2', { numCtx });
      const job = hold(cluster, { numCtx: asked });
      node.link.loads.at(-1)?.resolve();
      await settled();
      cluster.scheduler.release(job.place);
      node.report([{ state: 'cold' }]);
      return node.link.loads.at(-1)?.command.pins.numCtx;
    };
    expect(await loadedWith(16_384)).toBe(16_384);
    expect(await loadedWith(4_096)).toBe(4_096);
    expect(await loadedWith(4_096, 8_192)).toBe(8_192);
    expect(await loadedWith(2_048)).toBe(8_192);
  });

  it('does not keep a generation of our own from a model that is there with less', () => {
    const cluster = new FakeCluster();
    cluster.want('llama3.2', { numCtx: 8_192 });
    cluster.join('a', { models: [{ numCtx: 4_096 }] });
    expect(cluster.scheduler.reserve(cluster.placement('a'), 1)?.pins).toEqual({ numCtx: 4_096 });
  });
});

describe('keepAlive', () => {
  const keepAliveOf = (keepAliveMs: number, asked?: number, state: 'hot' | 'cold' = 'hot') => {
    const cluster = new FakeCluster();
    cluster.want('llama3.2', { keepAliveMs });
    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    const node = cluster.join('a', { models: [{ state, resident: { sizeBytes: 1, vramBytes: 0, expiresAt } }] });
    const job = hold(cluster, { keepAliveSeconds: asked });
    const { pins } = state === 'hot' ? job.place : (node.link.loads[0]?.command ?? {});
    return pins?.keepAliveSeconds;
  };

  it('is what a job asks for whose client asked for nothing, or for less', () => {
    expect(keepAliveOf(3_600_000)).toBe(3_600);
    expect(keepAliveOf(3_600_000, 60)).toBe(3_600);
    expect(keepAliveOf(Number.POSITIVE_INFINITY)).toBe(-1);
  });

  it('is less than what a client asks for who asks for more', () => {
    expect(keepAliveOf(3_600_000, 7_200)).toBe(7_200);
    expect(keepAliveOf(3_600_000, -1)).toBe(-1);
  });

  it('goes with a load', () => {
    expect(keepAliveOf(3_600_000, undefined, 'cold')).toBe(3_600);
  });

  it('is none where the engine keeps the model as long by itself', () => {
    expect(keepAliveOf(30_000)).toBeUndefined();
  });
});
