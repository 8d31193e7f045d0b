import type { Capability } from '@waggle/shared/cluster/model.ts';
import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../testing/fake-cluster.ts';
import { toChoosableJob, toPlacement } from '../testing/fake-placement.ts';
import { RecordingJob } from '../testing/recording-job.ts';
import { refusalWithout, refusedNeed } from './engine-refusals.ts';

describe('refusalWithout', () => {
  it.each<[string, Parameters<typeof refusalWithout>[0], Capability, ReturnType<typeof refusalWithout>]>([
    ['Ollama looks before it loads', { kind: 'ollama', version: '0.34.2' }, 'tools', 'at-once'],
    ['as it always did', { kind: 'ollama', version: '0.24.0' }, 'thinking', 'at-once'],
    ['its runner refuses images', { kind: 'ollama', version: '0.34.2' }, 'vision', 'when-loaded'],
    ['and embeddings', { kind: 'ollama', version: '1.0.0' }, 'embedding', 'when-loaded'],
    ['an older one overlooks images', { kind: 'ollama', version: '0.24.0' }, 'vision', undefined],
    ['and lets every model embed', { kind: 'ollama', version: '0.24.0' }, 'embedding', undefined],
    ['nothing is known of one without a version', { kind: 'ollama', version: '' }, 'embedding', undefined],
    ['LM Studio tells embedders from others', { kind: 'lm-studio', version: '' }, 'completion', 'when-loaded'],
    ['but offers tools to all', { kind: 'lm-studio', version: '' }, 'tools', undefined],
    ['others tell nothing', { kind: 'vllm', version: '0.9' }, 'vision', undefined],
  ])('%s', (_, engine, need, expected) => {
    expect(refusalWithout(engine, need)).toBe(expected);
  });
});

describe('refusedNeed', () => {
  const strict = (capabilities: readonly Capability[] | undefined) =>
    toPlacement('a', { capabilities, refusalWithout: () => 'at-once' });

  it.each<[string, readonly Capability[] | undefined, readonly Capability[], Capability | undefined]>([
    ['nothing where all is there', ['completion', 'tools'], ['completion', 'tools'], undefined],
    ['what is missing', ['completion'], ['completion', 'tools'], 'tools'],
    ['nothing where nothing is known', undefined, ['tools'], undefined],
    ['nothing where only unknown things are told', [], ['completion'], undefined],
    ['thinking before all else, as Ollama does', ['embedding'], ['completion', 'tools', 'thinking'], 'thinking'],
    ['then that it generates nothing at all', ['embedding'], ['completion', 'tools', 'vision'], 'completion'],
  ])('%s', (_, capabilities, needs, expected) => {
    expect(refusedNeed(strict(capabilities), toChoosableJob({ needs }))).toBe(expected);
  });

  it('nothing that the engine does without', () => {
    expect(refusedNeed(toPlacement('a', { capabilities: [] }), toChoosableJob({ needs: ['vision'] }))).toBeUndefined();
  });
});

describe('Scheduler, jobs that every engine would refuse', () => {
  const cold = { state: 'cold', capabilities: ['completion'] } as const;

  function hold(cluster: FakeCluster, needs: readonly Capability[], facts: { onlyNode?: string } = {}): RecordingJob {
    const job = new RecordingJob('job', { needs: ['completion', ...needs], ...facts });
    cluster.scheduler.hold(job);
    return job;
  }

  it('asks an engine that refuses before it loads, and loads nothing', () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a', { models: [cold] });
    const job = hold(cluster, ['tools']);
    expect(job.node).toBe('a');
    expect(job.place.decision).toMatchObject({
      reason: 'incapable',
      chosen: 0,
      candidates: [{ excluded: 'incapable' }],
    });
    expect(node.link.loads).toEqual([]);
  });

  it('says it itself where no lane is free for asking', () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a', { models: [{ ...cold, state: 'hot' }] });
    const busy = hold(cluster, []);
    const job = hold(cluster, ['tools']);
    expect(busy.node).toBe('a');
    expect(job.refusals).toMatchObject([{ message: 'a cannot do tools' }]);
    expect(node.link.loads).toEqual([]);
  });

  it('says it itself where the engine would have to load first', () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a', { models: [cold] });
    const job = hold(cluster, ['vision']);
    expect(job.refusals).toMatchObject([{ code: 'unsupported', message: 'a cannot do vision' }]);
    expect(node.link.loads).toEqual([]);
    expect(cluster.scheduler.heldJobs).toBe(0);
  });

  it('asks the engine where the model is there anyway', () => {
    const cluster = new FakeCluster();
    cluster.join('a', { models: [{ ...cold, state: 'hot' }] });
    expect(hold(cluster, ['vision']).node).toBe('a');
  });

  it('evicts nobody for it', () => {
    const cluster = new FakeCluster();
    const large = { sizeBytes: 20e9, capabilities: ['completion'] } as const;
    const node = cluster.join('a', {
      models: [
        { name: 'm1', ...large },
        { ...cold, ...large },
      ],
    });
    expect(hold(cluster, ['vision']).refusals).toHaveLength(1);
    expect(node.link.unloads).toEqual([]);
  });

  it('goes to the one that can, though another is free and faster', () => {
    const cluster = new FakeCluster();
    cluster.join('blind', { models: [{ capabilities: ['completion'] }] });
    const seeing = cluster.join('seeing', { models: [{ ...cold, capabilities: ['completion', 'vision'] }] });
    const job = hold(cluster, ['vision']);
    expect(job.refusals).toEqual([]);
    expect(seeing.link.loads).toHaveLength(1);
  });

  it('waits for the one that can while that is away for a moment', () => {
    const cluster = new FakeCluster();
    cluster.join('blind', { models: [{ capabilities: ['completion'] }] });
    const seeing = cluster.join('seeing', { models: [{ capabilities: ['completion', 'vision'] }] });
    seeing.suspect();
    const job = hold(cluster, ['vision']);
    expect([job.places, job.refusals]).toEqual([[], []]);
    seeing.recover();
    expect(job.node).toBe('seeing');
  });

  it('is said at once though its node is away, for that changes nothing', () => {
    const cluster = new FakeCluster();
    cluster.join('a', { models: [cold] }).suspect();
    expect(hold(cluster, ['tools']).refusals).toHaveLength(1);
  });

  it('asks the wanted node only', () => {
    const cluster = new FakeCluster();
    cluster.join('a', { models: [{ capabilities: ['completion', 'tools'] }] });
    cluster.join('b', { models: [cold] });
    expect(hold(cluster, ['tools'], { onlyNode: 'b' }).node).toBe('b');
  });
});
