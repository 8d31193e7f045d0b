import { settled } from '@waggle/shared/testing/hand-clock.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FakeNode } from '../testing/fake-cluster.ts';
import type { FakeLane } from '../testing/fake-link.ts';
import { InferenceBed } from './inference-bed.ts';

/** opossum knows no clock but the process's own. */
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const usage = { promptTokens: 20, completionTokens: 10 };

describe('an engine that fails at once', () => {
  it('attracts no load for being idle: its breaker opens and the others get the jobs', async () => {
    const bed = new InferenceBed();
    const facts = { lanes: 4, models: [{ parallel: 4 }] };
    const [bad, good] = [bed.cluster.join('bad', facts), bed.cluster.join('good', facts)];
    const given = () => bad.lanes.flatMap((lane) => lane.headers).length;
    const burst = async (size: number) => {
      const askings = Array.from({ length: size }, () => bed.run());
      while (askings.some((asking) => !asking.isOver)) {
        for (const lane of bad.busy) lane.fail('engine');
        await bed.clock.advance(20);
        for (const lane of good.busy) {
          lane.text('ok');
          lane.finish({ usage });
        }
        await settled();
      }
      return askings;
    };
    const first = await burst(16);
    expect(first.flatMap((asking) => asking.errors)).toEqual([]);
    expect(bed.cluster.placement('bad').breaker).toBe('open');
    const before = given();
    expect(before).toBeLessThanOrEqual(8);
    const later = await burst(16);
    expect(later.map((asking) => asking.text)).toEqual(new Array(16).fill('ok'));
    expect(later.every((asking) => asking.record.attempts.length === 1)).toBe(true);
    expect(given()).toBe(before);
  });

  it('is not what lanes are that break: they say nothing of the engine', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a');
    for (let count = 0; count < 6; count++) {
      bed.run();
      node.closeLane(node.busyLane);
      node.openLane();
      await settled();
      for (const lane of node.busy) lane.finish({ usage });
      await settled();
    }
    expect(bed.cluster.placement('a').breaker).toBe('closed');
  });

  it('is told at once where it is the only one', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('bad');
    for (let count = 0; count < 5; count++) {
      bed.run();
      node.busyLane.fail('engine');
      await settled();
    }
    const refused = bed.run();
    await settled();
    expect(refused.errors).toMatchObject([{ code: 'no-node', details: { retryAfterMs: 6_000 } }]);
    expect(node.busy).toEqual([]);
  });
});

describe('an engine that asks for a pause', () => {
  it('rests as long as it asked, others are used meanwhile, and it counts as no fault', async () => {
    const bed = new InferenceBed();
    const [a, b] = [bed.cluster.join('a'), bed.cluster.join('b')];
    const run = async () => {
      const asking = bed.run();
      b.busyLane.finish();
      await settled();
      expect(asking.record).toMatchObject({ state: 'done', node: 'b' });
    };
    const asking = bed.run();
    a.busyLane.fail('rate-limited', { retryAfterMs: 5_000 });
    await settled();
    b.busyLane.finish();
    await settled();
    expect(asking.record).toMatchObject({ state: 'done', node: 'b' });
    await run();
    await bed.clock.advance(4_999);
    await run();
    await bed.clock.advance(1);
    bed.run();
    expect(a.busy).toHaveLength(1);
    expect(bed.cluster.placement('a').breaker).toBe('closed');
    expect(bed.cluster.placement('a').rates.errorRate).toBe(0);
  });

  it('alone is waited for, twice as long each time, until it answers', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a');
    const asking = bed.run();
    for (const restMs of [1_000, 2_000]) {
      node.busyLane.fail('rate-limited');
      await bed.clock.advance(restMs - 1);
      expect(node.busy).toEqual([]);
      expect(asking.record.state).toBe('held');
      await bed.clock.advance(1);
    }
    node.busyLane.finish();
    await settled();
    expect(asking.record.state).toBe('done');
    expect(asking.record.attempts).toHaveLength(3);
    bed.run();
    node.busyLane.fail('rate-limited');
    await bed.clock.advance(1_000);
    expect(node.busy).toHaveLength(1);
  });

  it('alone is waited for no longer than 5 s in all: then the client hears when to come again', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a');
    const asking = bed.run();
    node.busyLane.fail('rate-limited');
    await bed.clock.advance(1_000);
    node.busyLane.fail('rate-limited');
    await bed.clock.advance(2_000);
    node.busyLane.fail('rate-limited', { message: 'slow down' });
    await settled();
    expect(asking.errors).toMatchObject([{ message: 'slow down', details: { retryAfterMs: 4_000 } }]);
  });

  it('for longer than that is not waited for at all, neither by its job nor by those that come later', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a', { lanes: 2, models: [{ parallel: 2 }] });
    const asking = bed.run();
    node.busyLane.fail('rate-limited', { retryAfterMs: 30_000, message: 'slow down' });
    await settled();
    expect(asking.errors).toMatchObject([{ message: 'slow down', details: { retryAfterMs: 30_000 } }]);
    await bed.clock.advance(10_000);
    const late = bed.run();
    await settled();
    expect(late.errors).toMatchObject([{ message: 'slow down', details: { retryAfterMs: 20_000 } }]);
    await bed.clock.advance(15_000);
    const nearly = bed.run();
    await bed.clock.advance(5_000);
    node.busyLane.finish();
    await settled();
    expect(nearly.record.state).toBe('done');
  });

  it('is waited for as long as a deadline allows, but not beyond', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a');
    const patient = bed.run({ deadlineMs: 60_000 });
    node.busyLane.fail('rate-limited', { retryAfterMs: 30_000 });
    const hasty = bed.run({ deadlineMs: 29_000 });
    await settled();
    expect(hasty.errors).toMatchObject([{ details: { retryAfterMs: 30_000 } }]);
    await bed.clock.advance(30_000);
    node.busyLane.finish();
    await settled();
    expect(patient.record.state).toBe('done');
  });

  it('is told of at once to all who wait, when the pause grows too long for them', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a');
    const first = bed.run();
    node.busyLane.fail('rate-limited', { retryAfterMs: 3_000 });
    const others = [bed.run(), bed.run({ deadlineMs: 60_000 }), bed.run()];
    await bed.clock.advance(3_000);
    node.busyLane.fail('rate-limited', { retryAfterMs: 20_000 });
    await settled();
    expect([first, ...others].map((asking) => asking.record.state)).toEqual(['failed', 'failed', 'held', 'failed']);
    expect(others[2]?.errors).toMatchObject([{ details: { retryAfterMs: 20_000 } }]);
  });

  it('that asks for no time at all is not asked in a loop', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a');
    bed.run();
    node.busyLane.fail('rate-limited', { retryAfterMs: 0 });
    await bed.clock.advance(99);
    expect(node.busy).toEqual([]);
    await bed.clock.advance(1);
    expect(node.busy).toHaveLength(1);
  });

  it('does not keep a client waiting for an engine that is down as well', async () => {
    const bed = new InferenceBed();
    const [a, b] = [bed.cluster.join('a'), bed.cluster.join('b')];
    b.reportHealth('down');
    const asking = bed.run();
    a.busyLane.fail('rate-limited', { retryAfterMs: 30_000 });
    await settled();
    expect(asking.errors).toHaveLength(1);
  });

  it('leaves a client that could be answered elsewhere in the queue', async () => {
    const bed = new InferenceBed();
    const [a, b] = [bed.cluster.join('a'), bed.cluster.join('b')];
    bed.run();
    bed.run();
    const waiting = bed.run();
    a.busyLane.fail('rate-limited', { retryAfterMs: 30_000 });
    b.busyLane.finish();
    b.busyLane.finish();
    b.busyLane.finish();
    await settled();
    expect(waiting.record.state).toBe('done');
  });

  it('many jobs of one moment are one time, not many in a row', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a', { lanes: 4, models: [{ parallel: 4 }] });
    for (let count = 0; count < 4; count++) bed.run();
    for (const lane of node.busy) lane.fail('rate-limited');
    await bed.clock.advance(1_000);
    expect(node.busy).toHaveLength(4);
  });
});

it('an engine that refuses connections rests with all its models', async () => {
  const bed = new InferenceBed();
  const models = [{ name: 'llama3.2:latest' }, { name: 'qwen3:latest' }];
  const [a, b] = [bed.cluster.join('a', { models }), bed.cluster.join('b', { lanes: 3, models })];
  bed.run();
  a.busyLane.fail('unreachable');
  await settled();
  expect(b.busy).toHaveLength(1);
  bed.run({ facts: { model: 'qwen3' } });
  expect(a.busy).toEqual([]);
  expect(b.busy).toHaveLength(2);
});

describe('an engine that refuses one request', () => {
  const forbid = (lane: FakeLane) =>
    lane.fail('forbidden', { code: 'forbidden', message: 'not for you', engineStatus: 403, engineBody: '{}' });
  const engineOf = (bed: InferenceBed) => bed.cluster.registry.node('a')?.engines[0];

  it('serves all others; its row says what it refused, for a minute', async () => {
    const bed = new InferenceBed();
    const a = bed.cluster.join('a', { lanes: 2 });
    const refused = bed.run();
    forbid(a.busyLane);
    await settled();
    expect(refused.errors).toMatchObject([
      { code: 'forbidden', message: 'not for you', details: { engineStatus: 403 } },
    ]);
    expect(engineOf(bed)?.report).toMatchObject({
      health: 'up',
      problem: 'it refused a request for llama3.2:latest: not for you',
    });
    const other = bed.run();
    a.reportHealth('up');
    expect(engineOf(bed)?.report.problem).toContain('not for you');
    a.busyLane.finish();
    await settled();
    expect(other.record.state).toBe('done');
    await bed.clock.advance(60_000);
    expect(engineOf(bed)?.report.problem).toBe(undefined);
  });

  it('is asked no more for a model that it always refuses, and goes on with others', async () => {
    const bed = new InferenceBed();
    const a = bed.cluster.join('a', { lanes: 2, models: [{}, { name: 'other' }] });
    for (let count = 0; count < 5; count++) {
      bed.run();
      forbid(a.busyLane);
      await settled();
    }
    bed.run();
    expect([a.busy.length, bed.cluster.placement('a').breaker]).toEqual([0, 'open']);
    bed.run({ facts: { model: 'other' } });
    expect(a.busy).toHaveLength(1);
  });

  it('is not asked again by a job that somebody else can take', async () => {
    const bed = new InferenceBed();
    const [a, b] = [bed.cluster.join('a'), bed.cluster.join('b')];
    const job = bed.run();
    forbid(a.busyLane);
    await settled();
    b.busyLane.finish();
    await settled();
    expect([job.record.state, job.record.node]).toEqual(['done', 'b']);
  });
});

describe('an engine that refuses the credentials of its node', () => {
  const words = /node a: .*apiKeyEnv/;
  const fail = (node: FakeNode) => node.busyLane.fail('auth', { message: 'no (status 401)' });

  it('is out at once for all its models, shown with its reason, and jobs go elsewhere', async () => {
    const bed = new InferenceBed();
    const a = bed.cluster.join('a', { lanes: 2, models: [{}, { name: 'other' }] });
    const [first, late, other] = [bed.run(), bed.run(), bed.run({ facts: { model: 'other' } })];
    const lane = a.busy.find(({ job }) => job.header.model === 'llama3.2:latest');
    lane?.fail('auth', { message: 'no (status 401)' });
    await settled();
    for (const { errors } of [first, late]) expect(errors).toMatchObject([{ code: 'engine-failed', message: words }]);
    expect(other.record.state).toBe('running');
    const again = bed.run({ facts: { model: 'other' } });
    await settled();
    expect(again.errors).toMatchObject([{ message: words }]);
    expect(bed.cluster.registry.node('a')?.engines[0]?.report).toMatchObject({ health: 'down', problem: words });
    const b = bed.cluster.join('b');
    bed.run();
    expect(b.busy).toHaveLength(1);
  });

  it.each<[string, (bed: InferenceBed, node: FakeNode) => void | Promise<void>]>([
    ['after a minute', (bed) => bed.clock.advance(60_000)],
    ['when it was away', (_bed, node) => void [node.reportHealth('down'), node.reportHealth('up')]],
  ])('is tried again %s', async (_when, mend) => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a');
    bed.run();
    fail(node);
    await bed.clock.advance(50_000);
    node.reportHealth('up');
    const refused = bed.run();
    await settled();
    expect(refused.errors).toMatchObject([{ message: words }]);
    await mend(bed, node);
    expect(bed.cluster.registry.node('a')?.engines[0]?.report.health).toBe('up');
    const asking = bed.run();
    node.busyLane.finish();
    await settled();
    expect(asking.record.state).toBe('done');
  });

  it('is tried again when its node comes back, which may have another key', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a');
    bed.run();
    fail(node);
    node.leave();
    const back = bed.cluster.join('a', { epoch: 2 });
    bed.run();
    expect(back.busy).toHaveLength(1);
  });
});
