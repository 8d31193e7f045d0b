import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { settled } from '@waggle/shared/testing/hand-clock.ts';
import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../testing/fake-cluster.ts';
import { hold, release } from '../testing/held-jobs.ts';
import type { RecordingJob } from '../testing/recording-job.ts';

const other = { line: 'qwen3:4b', targets: ['qwen3:4b'] };

describe('Scheduler', () => {
  it('binds at once where a lane is free, and holds the rest', () => {
    const cluster = new FakeCluster();
    cluster.join('a', { lanes: 2, models: [{ parallel: 2 }] });
    const jobs = [hold(cluster), hold(cluster), hold(cluster)];
    expect(jobs.map((job) => job.places.length)).toEqual([1, 1, 0]);
    expect([cluster.scheduler.runningJobs, cluster.scheduler.heldJobs]).toEqual([2, 1]);
  });

  it('gives a lane that becomes free to the job that waits longest', async () => {
    const cluster = new FakeCluster();
    cluster.join('a');
    const [first, second, third] = [hold(cluster), hold(cluster), hold(cluster)];
    release(cluster, first);
    expect([second?.node, third?.node]).toEqual(['a', undefined]);
    if (second !== undefined) release(cluster, second);
    expect(third?.node).toBe('a');
  });

  it('binds to no node before it is there, and to the one that comes', async () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a');
    const running = hold(cluster);
    const waiting = hold(cluster);
    cluster.join('b');
    expect(waiting.node).toBe('b');
    node.closeLane(node.lanes[0] ?? node.openLane());
    release(cluster, running);
    const next = hold(cluster);
    expect(next.places).toEqual([]);
    node.openLane();
    expect(next.node).toBe('a');
  });

  it('reserves in the same tick: as many as there are lanes are bound, though nobody let go of the thread', () => {
    const cluster = new FakeCluster();
    for (const name of ['a', 'b']) cluster.join(name, { lanes: 2, models: [{ parallel: 2 }] });
    const jobs = Array.from({ length: 10 }, () => hold(cluster));
    expect(jobs.filter((job) => job.node === 'a')).toHaveLength(2);
    expect(jobs.filter((job) => job.node === 'b')).toHaveLength(2);
  });

  it('L5 capacity is a bound: a cancelled job keeps its lane until the engine stopped', () => {
    const cluster = new FakeCluster();
    cluster.join('a');
    const cancelled = hold(cluster);
    const waiting = hold(cluster);
    cluster.scheduler.drain(cancelled.place);
    expect(waiting.places).toEqual([]);
    release(cluster, cancelled);
    expect(waiting.node).toBe('a');
    release(cluster, cancelled);
    expect(cluster.scheduler.runningJobs).toBe(1);
  });

  it('says overloaded with the time the queue needs, when it is full by count or by bytes', () => {
    const cluster = new FakeCluster({ queueSize: 2, heldBytes: 1_000 });
    cluster.join('a');
    hold(cluster);
    hold(cluster);
    const large = hold(cluster, { bodyBytes: 901 });
    hold(cluster);
    const third = hold(cluster);
    for (const refused of [large, third]) {
      expect(refused.refusals).toHaveLength(1);
      expect(refused.refusals[0]).toMatchObject({ code: 'overloaded', httpStatus: 503 });
      expect(refused.refusals[0]?.details.retryAfterMs).toBeGreaterThanOrEqual(1_000);
    }
    expect([cluster.scheduler.heldJobs, cluster.scheduler.heldBytes]).toEqual([2, 200]);
  });

  it('holds a job that lost its place however full the queue is: it was taken in before', async () => {
    const cluster = new FakeCluster({ queueSize: 1, heldBytes: 150 });
    for (const name of ['a', 'b']) cluster.join(name);
    const [first, second] = [hold(cluster), hold(cluster)];
    await cluster.clock.advance(10);
    const [held, refused] = [hold(cluster), hold(cluster)];
    expect([held.refusals.length, refused.refusals.length]).toEqual([0, 1]);
    cluster.scheduler.lose(first.place);
    first.exclude(first.place.placement, Number.POSITIVE_INFINITY, new ClusterError('engine-failed', 'gone'));
    cluster.scheduler.holdAgain(first);
    expect([first.refusals.length, cluster.scheduler.heldJobs]).toEqual([0, 2]);
    release(cluster, second);
    expect([first.places.length, held.places.length]).toEqual([2, 0]);
  });

  it('L2 self-trip: what is held or refused for want of lanes is no fault of a node', async () => {
    const cluster = new FakeCluster({ queueSize: 10 });
    cluster.join('a', { lanes: 5, models: [{ parallel: 5 }] });
    const jobs = Array.from({ length: 50 }, () => hold(cluster));
    expect(jobs.filter((job) => job.refusals.length > 0)).toHaveLength(35);
    await settled();
    expect(cluster.placement('a').breaker).toBe('closed');
  });

  it('forgets the faults of a node that left', async () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a');
    const placement = cluster.placement('a');
    for (let fault = 0; fault < 5; fault++) placement.guard.admit()?.('fault');
    await settled();
    expect(placement.breaker).toBe('open');
    expect(hold(cluster).refusals[0]).toMatchObject({ code: 'no-node', message: expect.stringContaining('failing') });
    node.leave();
    cluster.join('a', { epoch: 2 });
    expect(hold(cluster).node).toBe('a');
  });

  it('predicts a longer wait for a longer queue', () => {
    const cluster = new FakeCluster();
    cluster.join('a');
    hold(cluster);
    const empty = cluster.scheduler.predictedDrainMs();
    for (let held = 0; held < 5; held++) hold(cluster);
    expect(cluster.scheduler.predictedDrainMs()).toBeGreaterThan(empty);
  });

  it('binds no more at once than the configured concurrency', () => {
    const cluster = new FakeCluster({ concurrency: 2 });
    cluster.join('a', { lanes: 8, models: [{ parallel: 8 }] });
    const jobs = Array.from({ length: 4 }, () => hold(cluster));
    expect(jobs.map((job) => job.places.length)).toEqual([1, 1, 0, 0]);
    if (jobs[0] !== undefined) release(cluster, jobs[0]);
    expect(jobs.map((job) => job.places.length)).toEqual([1, 1, 1, 0]);
  });

  it('places by priority, embeddings a band below', () => {
    const cluster = new FakeCluster();
    cluster.join('a');
    let last = hold(cluster);
    const embedding = hold(cluster, { isEmbedding: true });
    const low = hold(cluster, { priority: 'low' });
    const normal = hold(cluster);
    const high = hold(cluster, { priority: 'high' });
    const order: RecordingJob[] = [];
    for (const job of [embedding, low, normal, high]) job.onPlaced = () => order.push(job);
    for (let turn = 0; turn < 4; turn++) {
      release(cluster, last);
      last = order.at(-1) ?? last;
    }
    expect(order).toEqual([high, normal, embedding, low]);
  });

  it('a line whose head cannot be placed holds up no other', () => {
    const cluster = new FakeCluster();
    cluster.join('a', { lanes: 2, models: [{}, { name: 'qwen3:4b' }] });
    hold(cluster);
    const held = hold(cluster);
    expect(held.places).toEqual([]);
    expect(hold(cluster, other).node).toBe('a');
  });

  it('a prompt too long for the free node holds up no shorter one', () => {
    const cluster = new FakeCluster();
    cluster.join('small', { models: [{ numCtx: 2_000 }] });
    cluster.join('large', { models: [{ numCtx: 32_000 }] });
    hold(cluster, { onlyNode: 'large', line: 'large' });
    const long = hold(cluster, { promptTokens: 20_000 });
    const short = hold(cluster);
    expect([long.node, short.node]).toEqual([undefined, 'small']);
  });

  it('looks at those behind a job again whose client left', () => {
    const cluster = new FakeCluster();
    cluster.join('a', { lanes: 2, models: [{}, { name: 'qwen3:4b' }] });
    hold(cluster);
    const head = hold(cluster);
    const behind = hold(cluster, other);
    expect(behind.node).toBe('a');
    // A line of its own kind of job: the head wants the model that is busy, the next one the other.
    const next = hold(cluster, { targets: ['qwen3:4b'] });
    release(cluster, behind);
    expect(next.places).toEqual([]);
    cluster.scheduler.drop(head);
    expect(next.node).toBe('a');
  });

  it('never gives a model more jobs than it takes at once, however many lanes there are', () => {
    const cluster = new FakeCluster();
    cluster.join('a', { lanes: 6, models: [{ parallel: 2 }, { name: 'qwen3:4b', parallel: 2 }] });
    for (let job = 0; job < 5; job++) {
      hold(cluster);
      hold(cluster, other);
    }
    expect(cluster.served('a').running.size).toBe(2);
    expect(cluster.served('a', 'qwen3:4b').running.size).toBe(2);
  });

  it('forgets a held job whose client left, and looks who may go now', async () => {
    const cluster = new FakeCluster();
    cluster.join('fast', { hardware: { gpus: [{ name: '', vendor: '', vramBytes: 24e9 }] } });
    cluster.join('slow', { models: [{ numCtx: 4_096 }] });
    hold(cluster, { onlyNode: 'fast' });
    const picky = hold(cluster, { onlyNode: 'fast' });
    cluster.scheduler.drop(picky);
    cluster.scheduler.drop(picky);
    expect([cluster.scheduler.heldJobs, cluster.scheduler.heldBytes]).toEqual([0, 0]);
    await cluster.clock.advance(60_000);
    expect([picky.places, picky.refusals]).toEqual([[], []]);
  });

  it('counts the parts of one request as one, their bytes all the same', () => {
    const cluster = new FakeCluster({ queueSize: 2, heldBytes: 1_000 });
    cluster.join('a');
    hold(cluster);
    const group = Symbol('parts');
    const parts = Array.from({ length: 5 }, () => hold(cluster, { group }));
    const last = hold(cluster);
    const [another, tooLarge] = [hold(cluster), hold(cluster, { group, bodyBytes: 500 })];
    expect([...parts, last].flatMap((job) => job.refusals)).toEqual([]);
    for (const job of [another, tooLarge]) expect(job.refusals).toMatchObject([{ code: 'overloaded' }]);
    for (const part of parts) cluster.scheduler.drop(part);
    expect(hold(cluster).refusals).toEqual([]);
    expect(hold(cluster).refusals).toHaveLength(1);
  });

  it('tells nobody to stay away for long by what it only guesses', () => {
    const cluster = new FakeCluster({ queueSize: 1 });
    cluster.join('a', { models: [{ sizeBytes: 30e9 }] });
    for (let job = 0; job < 2; job++) hold(cluster, { maxTokens: 10_000 });
    expect(cluster.scheduler.predictedDrainMs()).toBeLessThanOrEqual(10_000);
    const usage = { promptTokens: 20, completionTokens: 100 };
    const timings = { prefillMs: 100, decodeMs: 60_000 };
    const times = { firstEventMs: 100, totalMs: 60_100 };
    cluster.placement('a').rates.learn(0, { usage, timings, promptTokens: 20, others: 0, ...times });
    expect(cluster.scheduler.predictedDrainMs()).toBeGreaterThan(60_000);
  });

  it('refuses more context than engines were started with, and loads nothing for it', async () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a', { models: [{ numCtx: 1_024, contextLength: 8_192 }] });
    const { engine } = cluster.served('a');
    engine.update({ ...engine.report, kind: 'llama-server' });
    expect(hold(cluster, { numCtx: 4_096 }).refusals).toMatchObject([
      { code: 'unsupported', message: expect.stringContaining('num_ctx') },
    ]);
    const wish = { targets: ['llama3.2:latest'], onlyNode: undefined, needs: [], keepAliveSeconds: undefined };
    const resident = cluster.scheduler.makeResident({ ...wish, numCtx: 4_096 });
    await expect(resident).rejects.toMatchObject({ code: 'unsupported' });
    expect(node.link.loads).toEqual([]);
    expect(hold(cluster, { numCtx: 1_024 }).node).toBe('a');
  });

  it('tries the models of an alias in order', () => {
    const cluster = new FakeCluster();
    cluster.join('a', { lanes: 2, models: [{ name: 'qwen3:4b' }] });
    const alias = { line: 'fast', targets: ['llama3.2:latest', 'qwen3:4b'] };
    expect(hold(cluster, alias).place.placement.model).toBe('qwen3:4b');
    cluster.join('b');
    expect(hold(cluster, alias).place.placement.model).toBe('llama3.2:latest');
  });

  describe('an alias whose first model cannot be served now', () => {
    const alias = { line: 'fast', targets: ['absent:latest', 'llama3.2:latest', 'qwen3:4b'] };
    const modelOf = (job: RecordingJob) => job.places.at(-1)?.placement.model;

    it.each([
      ['busy for long', 'hot' as const, 1_000],
      ['cold', 'cold' as const, 0],
    ])('is served by the next: %s', (_why, state, tokens) => {
      const cluster = new FakeCluster();
      const node = cluster.join('a', { lanes: 2, models: [{ state }, { name: 'qwen3:4b' }] });
      if (state === 'hot') Object.assign(hold(cluster, { maxTokens: tokens }).place.bound, { expectedTokens: tokens });
      expect(modelOf(hold(cluster, alias))).toBe('qwen3:4b');
      expect(node.link.loads).toEqual([]);
    });

    it('waits for one that is about to be free, but no longer than a second in all', async () => {
      const cluster = new FakeCluster();
      cluster.join('a', { lanes: 3, models: [{}, { name: 'qwen3:4b', parallel: 2 }] });
      const running = hold(cluster);
      Object.assign(running.place.bound, { firstEventAt: 0, tokensOut: 10, expectedTokens: 11 });
      const [patient, late] = [hold(cluster, alias), hold(cluster, alias)];
      expect(patient.places).toEqual([]);
      await cluster.clock.advance(500);
      cluster.scheduler.release(running.place);
      expect(modelOf(patient)).toBe('llama3.2:latest');
      Object.assign(patient.place.bound, { firstEventAt: 0, tokensOut: 10, expectedTokens: 11 });
      await cluster.clock.advance(500);
      expect(modelOf(late)).toBe('qwen3:4b');
      expect(cluster.scheduler.runningJobs).toBe(2);
    });

    it('is held for the one that can begin first by far, where none is free', () => {
      const cluster = new FakeCluster();
      const node = cluster.join('a', { lanes: 2, models: [{}, { name: 'qwen3:4b', state: 'cold' }] });
      Object.assign(hold(cluster).place.bound, { expectedTokens: 1_000 });
      hold(cluster, alias);
      expect(node.link.loads.map((load) => load.command.model)).toEqual(['qwen3:4b']);
    });

    it('is held for the first of those that are there, where none is free', async () => {
      const cluster = new FakeCluster();
      const node = cluster.join('a', { models: [{ state: 'cold' }, { name: 'qwen3:4b', state: 'cold' }] });
      const job = hold(cluster, alias);
      expect(node.link.loads.map((load) => load.command.model)).toEqual(['llama3.2:latest']);
      node.link.loads[0]?.resolve();
      await settled();
      expect(modelOf(job)).toBe('llama3.2:latest');
    });
  });
});

describe('Scheduler, called back while it calls', () => {
  it('places a job that is given back at once, and those behind it, each on one lane', () => {
    const cluster = new FakeCluster();
    for (const name of ['a', 'b']) cluster.join(name);
    const blocker = [hold(cluster), hold(cluster)];
    const jobs = [hold(cluster), hold(cluster)];
    const [first] = jobs;
    if (first === undefined) return;
    let refusedBy: string | undefined;
    first.onPlaced = (placed) => {
      if (refusedBy !== undefined) return;
      refusedBy = placed.placement.node;
      first.exclude(placed.placement, Number.POSITIVE_INFINITY, new ClusterError('no-node', 'given back'));
      cluster.scheduler.release(placed);
      cluster.scheduler.hold(first);
    };
    for (const job of blocker) release(cluster, job);
    expect(jobs.map((job) => job.node).toSorted((a = '', b = '') => a.localeCompare(b))).toEqual(['a', 'b']);
    expect(first.node).not.toBe(refusedBy);
    expect([cluster.scheduler.runningJobs, cluster.scheduler.heldJobs]).toEqual([2, 0]);
  });
});
