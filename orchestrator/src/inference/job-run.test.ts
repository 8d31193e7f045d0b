import { batchKind, type NativeBatch } from '@waggle/shared/chat/answer-batch.ts';
import { releaseMemory } from '@waggle/shared/process/release-memory.ts';
import { settled } from '@waggle/shared/testing/hand-clock.ts';
import { describe, expect, it } from 'vitest';
import type { FakeNode } from '../testing/fake-cluster.ts';
import type { FakeLane } from '../testing/fake-link.ts';
import { type Asking, InferenceBed } from './inference-bed.ts';

const opening = (text: string): NativeBatch => ({
  form: 'native',
  kinds: batchKind.opening,
  deltas: 0,
  bytes: Buffer.from(text),
});

const usage = { promptTokens: 20, completionTokens: 10 };

type Failing = (lane: FakeLane, node: FakeNode) => void;

/** Everything that may happen to an attempt, with its outcome and what a client is told once it cannot be hidden. */
const failings: readonly (readonly [string, Failing, string, string])[] = [
  ['an engine fault', (lane) => lane.fail('engine'), 'failed', 'engine-failed'],
  ['a fault of the node', (lane) => lane.fail('internal'), 'failed', 'engine-failed'],
  ['an unreachable engine', (lane) => lane.fail('unreachable'), 'failed', 'engine-failed'],
  ['a 429', (lane) => lane.fail('rate-limited'), 'failed', 'engine-failed'],
  ['a 401', (lane) => lane.fail('auth'), 'failed', 'engine-failed'],
  ['an answer without its last event', (lane) => lane.end({ outcome: 'done' }), 'failed', 'engine-failed'],
  ['work given up by the node', (lane) => lane.end({ outcome: 'cancelled' }), 'cancelled', 'engine-failed'],
  ['a lost lane', (lane, node) => node.closeLane(lane), 'lost', 'engine-unreachable'],
  ['a lost node', (_, node) => node.leave(), 'lost', 'engine-unreachable'],
];

const declining = ['a job given back', (lane: FakeLane) => lane.decline(), 'declined', 'no-node'] as const;

function twoNodes(bed = new InferenceBed()) {
  const [a, b] = [bed.cluster.join('a'), bed.cluster.join('b')];
  return { bed, a, b };
}

/** `count` jobs, 100 ms to the first event and 100 ms for the rest. */
async function train(bed: InferenceBed, node: FakeNode, count: number): Promise<void> {
  for (let done = 0; done < count; done++) {
    bed.run();
    await bed.clock.advance(100);
    node.busyLane.text('x');
    await bed.clock.advance(100);
    node.busyLane.finish({ usage });
    await settled();
  }
}

async function finish(node: FakeNode, asking: Asking, text: string): Promise<void> {
  node.busyLane.text(text);
  node.busyLane.finish({ usage });
  await settled();
  expect(asking.isOver).toBe(true);
}

describe('before the first event', () => {
  it.each([...failings, declining])('%s is retried elsewhere, unseen', async (_, failing, outcome) => {
    const { bed, a, b } = twoNodes();
    const asking = bed.run();
    const lane = a.busyLane;
    lane.accept();
    lane.batch(opening('of a'));
    failing(lane, a);
    await settled();
    expect(b.busyLane.job.header.attempt).toBe(outcome === 'declined' ? 1 : 2);
    await finish(b, asking, 'hello');
    expect(asking.text).toBe('hello');
    expect(asking.errors).toEqual([]);
    expect(asking.record).toMatchObject({ state: 'done', node: 'b' });
    expect(asking.record.error).toBeUndefined();
    expect(asking.record.attempts.map((attempt) => [attempt.node, attempt.outcome])).toEqual([
      ['a', outcome],
      ['b', 'done'],
    ]);
  });

  it('openings commit nothing and go ahead of the first event', async () => {
    const { bed, a } = twoNodes();
    const asking = bed.run();
    a.busyLane.batch(opening('<'));
    a.busyLane.batch(opening('>'));
    await settled();
    expect(asking.batches).toEqual([]);
    expect(asking.record.firstEventMs).toBeUndefined();
    await bed.clock.advance(40);
    a.busyLane.text('hello');
    await settled();
    expect(asking.batches).toHaveLength(3);
    expect(asking.text).toBe('<>hello');
    expect(asking.record.firstEventMs).toBe(40);
  });

  it('what the request itself caused is told at once, in the words of the engine', async () => {
    const { bed, a, b } = twoNodes();
    const asking = bed.run();
    a.busyLane.fail('request', { message: 'prompt is empty' });
    await settled();
    expect(asking.errors).toMatchObject([{ message: 'prompt is empty' }]);
    expect(asking.record).toMatchObject({ state: 'failed', error: { message: 'prompt is empty' } });
    expect(b.busy).toEqual([]);
  });

  it('a fault of an engine draws from the budget, a lost lane does not', async () => {
    const { bed, a, b } = twoNodes();
    while (bed.budget.take(bed.clock.now()));
    const asking = bed.run();
    a.closeLane(a.busyLane);
    await settled();
    b.busyLane.fail('engine', { message: 'out of luck' });
    await settled();
    expect(asking.errors).toMatchObject([{ code: 'engine-failed', message: 'out of luck' }]);
    expect(asking.record.attempts).toHaveLength(2);
  });

  it('with the budget used up, another node is left alone', async () => {
    const { bed, a, b } = twoNodes();
    while (bed.budget.take(bed.clock.now()));
    const asking = bed.run();
    a.busyLane.fail('engine');
    await settled();
    expect(asking.errors).toHaveLength(1);
    expect(b.busy).toEqual([]);
  });

  it('a job that lost two nodes is not given to a third', async () => {
    const { bed, a, b } = twoNodes();
    const c = bed.cluster.join('c');
    const asking = bed.run();
    a.leave();
    await settled();
    b.leave();
    await settled();
    expect(asking.errors).toMatchObject([{ code: 'engine-unreachable', message: expect.stringContaining('b') }]);
    expect(c.busy).toEqual([]);
  });

  it('a job that is given back is no attempt', async () => {
    const bed = new InferenceBed();
    const a = bed.cluster.join('a');
    const asking = bed.run();
    for (let count = 0; count < 20; count++) {
      a.busyLane.decline();
      expect(asking.record.state).toBe('held');
      await bed.clock.advance(100);
    }
    await finish(a, asking, 'at last');
    expect(asking.errors).toEqual([]);
  });

  it('where there is nobody else, the client is told what went wrong', async () => {
    const bed = new InferenceBed();
    const a = bed.cluster.join('a');
    const asking = bed.run();
    a.busyLane.fail('engine', { message: 'CUDA error' });
    await settled();
    expect(asking.errors).toMatchObject([{ code: 'engine-failed', message: 'CUDA error' }]);
  });
});

/** A body that nobody holds but the bed it is given to. */
function askWithLargeBody(bed: InferenceBed): { readonly asking: Asking; readonly body: WeakRef<ArrayBuffer> } {
  const { buffer } = new Uint8Array(1_000_000);
  return { asking: bed.run({ body: new Uint8Array(buffer) }), body: new WeakRef(buffer) };
}

describe('after the first event', () => {
  it('a large body is let go of, and not before', async () => {
    const { bed, a, b } = twoNodes();
    const { asking, body } = askWithLargeBody(bed);
    a.closeLane(a.busyLane);
    await settled();
    expect(b.busyLane.job.body).toHaveLength(1_000_000);
    b.busyLane.text('hello');
    // A WeakRef holds what it was made for until the end of that turn of the event loop.
    await new Promise<void>((resolve) => setImmediate(resolve));
    releaseMemory();
    expect(body.deref()?.byteLength).toBeUndefined();
    await finish(b, asking, '!');
  });

  it.each(failings)('%s is one error', async (_, failing, outcome, code) => {
    const { bed, a, b } = twoNodes();
    const asking = bed.run();
    a.busyLane.text('hel');
    failing(a.busyLane, a);
    await settled();
    expect(asking.text).toBe('hel');
    expect(asking.errors).toMatchObject([{ code }]);
    expect(asking.isOver).toBe(true);
    expect(b.busy).toEqual([]);
    expect(asking.record).toMatchObject({ state: 'failed', error: { code }, attempts: [{ node: 'a', outcome }] });
    expect(bed.requests.totals).toMatchObject({ requests: 1, failed: 1 });
  });

  it('a failure after the terminal event is nobody’s', async () => {
    const { bed, a } = twoNodes();
    const asking = bed.run();
    a.busyLane.events({ type: 'text-delta', text: 'all' }, { type: 'response-end', finishReason: 'stop' });
    a.closeLane(a.busyLane);
    await settled();
    expect(asking.text).toBe('all');
    expect(asking.errors).toEqual([]);
    expect(asking.record.state).toBe('done');
  });

  it('an engine that says nothing more for too long is given up', async () => {
    const bed = new InferenceBed({ stallMaxMs: 300_000 });
    const a = bed.cluster.join('a');
    const asking = bed.run();
    const lane = a.busyLane;
    lane.text('a');
    await bed.clock.advance(299_000);
    lane.text('b');
    await bed.clock.advance(300_000);
    expect(lane.wasCancelled).toBe(false);
    await bed.clock.advance(500);
    expect(lane.calls.filter((call) => call === 'cancel')).toHaveLength(1);
    expect(asking.text).toBe('ab');
    expect(asking.errors).toMatchObject([{ code: 'engine-failed' }]);
    expect(bed.cluster.placement('a').busyLanes).toBe(1);
    lane.end({ outcome: 'cancelled' });
    expect(bed.cluster.placement('a').busyLanes).toBe(0);
  });
});

describe('the deadline of the first event', () => {
  it('gives the job to another node once enough was measured', async () => {
    const bed = new InferenceBed();
    const a = bed.cluster.join('a');
    await train(bed, a, 20);
    const asking = bed.run();
    const lane = a.busyLane;
    await bed.clock.advance(60_000);
    expect(lane.wasCancelled).toBe(false);
    const b = bed.cluster.join('b');
    await bed.clock.advance(250);
    expect(lane.calls.filter((call) => call === 'cancel')).toHaveLength(1);
    await finish(b, asking, 'from b');
    expect(asking.text).toBe('from b');
    expect(asking.record.attempts.map((attempt) => attempt.outcome)).toEqual(['failed', 'done']);
    const { errorRate } = bed.cluster.placement('a').rates;
    expect(errorRate).toBeGreaterThan(0);
    lane.text('too late');
    expect(bed.cluster.placement('a').busyLanes).toBe(1);
    lane.fail('engine');
    expect(bed.cluster.placement('a').rates.errorRate).toBe(errorRate);
    expect(bed.cluster.placement('a').busyLanes).toBe(0);
  });

  it('is no sooner than a second, nor than four times what was expected', async () => {
    const bed = new InferenceBed();
    const a = bed.cluster.join('a');
    await train(bed, a, 20);
    bed.run();
    bed.cluster.join('b');
    await bed.clock.advance(1_000);
    expect(a.busyLane.wasCancelled).toBe(false);
    await bed.clock.advance(250);
    expect(a.busyLane.wasCancelled).toBe(true);
  });

  it('counts, too, where nobody else could take the job and the engine answers nothing at all', async () => {
    const bed = new InferenceBed();
    const a = bed.cluster.join('a');
    await train(bed, a, 20);
    const asking = bed.run();
    const lane = a.busyLane;
    await bed.clock.advance(2_000);
    expect(lane.wasCancelled).toBe(false);
    a.reportHealth('down');
    await bed.clock.advance(250);
    expect(lane.wasCancelled).toBe(true);
    await finish(bed.cluster.join('b'), asking, 'from b');
  });

  it('the longest wait counts even where there is nobody else', async () => {
    const bed = new InferenceBed({ firstEventMaxMs: 120_000 });
    const a = bed.cluster.join('a');
    const asking = bed.run();
    await bed.clock.advance(120_000);
    expect(asking.errors).toEqual([]);
    await bed.clock.advance(250);
    expect(a.busyLane.wasCancelled).toBe(true);
    expect(asking.errors).toMatchObject([
      { code: 'engine-failed', message: expect.stringContaining('no first event') },
    ]);
  });

  it('lets a slow answer be where no try is left', async () => {
    const bed = new InferenceBed();
    const a = bed.cluster.join('a');
    await train(bed, a, 20);
    const asking = bed.run();
    const b = bed.cluster.join('b');
    while (bed.budget.take(bed.clock.now()));
    await bed.clock.advance(2_000);
    expect(b.busy).toEqual([]);
    await finish(a, asking, 'slow');
    expect(asking.errors).toEqual([]);
  });

  it('with fewer samples only the longest wait counts', async () => {
    const bed = new InferenceBed({ firstEventMaxMs: 120_000 });
    const a = bed.cluster.join('a');
    await train(bed, a, 19);
    const asking = bed.run();
    const b = bed.cluster.join('b');
    const lane = a.busyLane;
    await bed.clock.advance(120_000);
    expect(lane.wasCancelled).toBe(false);
    await bed.clock.advance(250);
    expect(lane.wasCancelled).toBe(true);
    await finish(b, asking, 'from b');
  });
});

it('keeps the story of a request', async () => {
  const { bed, a, b } = twoNodes();
  const asking = bed.run();
  await bed.clock.advance(30);
  a.busyLane.fail('engine', { message: 'no memory' });
  await bed.clock.advance(20);
  expect(asking.record).toMatchObject({ state: 'running', node: 'b' });
  expect(bed.requests.list({ limit: 9, state: 'running' })).toEqual([asking.record]);
  b.busyLane.text('hi');
  await bed.clock.advance(50);
  b.busyLane.finish({ usage, timings: { prefillMs: 10, decodeMs: 40 } });
  await settled();
  expect(asking.record).toMatchObject({
    state: 'done',
    node: 'b',
    firstEventMs: 50,
    endedMs: 100,
    usage,
    prefillRate: 2_000,
    decodeRate: 250,
    attempts: [
      {
        node: 'a',
        engineId: 'ollama',
        model: 'llama3.2:latest',
        boundMs: 0,
        outcome: 'failed',
        reason: 'no memory',
        endedMs: 30,
      },
      { node: 'b', boundMs: 30, outcome: 'done', endedMs: 100 },
    ],
  });
  expect(asking.record.attempts[0]?.decision).toMatchObject({ reason: 'bound', chosen: 0 });
  expect(bed.requests.totals).toEqual({
    requests: 1,
    failed: 0,
    clientGone: 0,
    promptTokens: 20,
    completionTokens: 10,
  });
});
