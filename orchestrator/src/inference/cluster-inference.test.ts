import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { settled } from '@waggle/shared/testing/hand-clock.ts';
import { describe, expect, it } from 'vitest';
import { InferenceBed } from './inference-bed.ts';

const usage = { promptTokens: 20, completionTokens: 10 };

describe('a model nobody has', () => {
  it('is waited for while the cluster comes together, then refused', async () => {
    const bed = new InferenceBed();
    bed.cluster.join('a');
    const asking = bed.run({ facts: { model: 'absent' } });
    await bed.clock.advance(4_900);
    expect(asking.isOver).toBe(false);
    await bed.clock.advance(150);
    expect(asking.errors).toMatchObject([
      { code: 'model-not-found', httpStatus: 404, message: "model 'absent' not found" },
    ]);
    expect(asking.record).toMatchObject({ state: 'failed', error: { code: 'model-not-found' } });
  });

  it('is refused at once where every node is there that should be', async () => {
    const bed = new InferenceBed();
    bed.awaitsNodes = false;
    const asking = bed.run({ facts: { model: 'absent' } });
    await settled();
    expect(asking.errors).toMatchObject([{ code: 'model-not-found' }]);
  });

  it('is refused when the last of them has come without it', async () => {
    const bed = new InferenceBed();
    const asking = bed.run({ facts: { model: 'absent' } });
    await bed.clock.advance(1_000);
    expect(asking.isOver).toBe(false);
    bed.awaitsNodes = false;
    await bed.clock.advance(50);
    expect(asking.errors).toMatchObject([{ code: 'model-not-found' }]);
    expect(asking.record).toMatchObject({ endedMs: 1_050 });
  });

  it('is refused at once after that', async () => {
    const bed = new InferenceBed();
    await bed.clock.advance(5_000);
    const asking = bed.run({ facts: { model: 'absent' } });
    await settled();
    expect(asking.errors).toMatchObject([{ code: 'model-not-found' }]);
    expect(bed.requests.totals).toMatchObject({ requests: 1, failed: 1 });
    const embedding = bed.run({ facts: { model: 'absent', endpoint: 'ollama.embed' } });
    await settled();
    expect(embedding.errors).toMatchObject([{ message: 'model "absent" not found, try pulling it first' }]);
  });

  it('is found when its node joins meanwhile', async () => {
    const bed = new InferenceBed();
    const asking = bed.run();
    await bed.clock.advance(1_000);
    const node = bed.cluster.join('late');
    await bed.clock.advance(50);
    node.busyLane.text('hello');
    node.busyLane.finish({ usage });
    await settled();
    expect(asking.text).toBe('hello');
    expect(asking.errors).toEqual([]);
    expect(asking.record).toMatchObject({ state: 'done', node: 'late' });
    expect(bed.requests.list({ limit: 9 })).toEqual([asking.record]);
  });

  it('is not waited for by a client that left', async () => {
    const bed = new InferenceBed();
    const asking = bed.run();
    await asking.abort(new ClusterError('client-gone', 'it left'));
    await bed.clock.advance(50);
    expect(asking.errors).toMatchObject([{ code: 'client-gone' }]);
    expect(asking.record.state).toBe('client-gone');
    const node = bed.cluster.join('late');
    await bed.clock.advance(1_000);
    expect(node.busy).toEqual([]);
  });
});

describe('deadlines', () => {
  it('travel as what is left of them', async () => {
    const bed = new InferenceBed();
    const [a, b] = [bed.cluster.join('a'), bed.cluster.join('b', { lanes: 0 })];
    bed.run({ deadlineMs: 10_000 });
    const lane = a.busyLane;
    expect(lane.job.header.remainingMs).toBe(10_000);
    await bed.clock.advance(3_000);
    b.openLane();
    lane.fail('engine');
    await settled();
    expect(b.busyLane.job.header.remainingMs).toBe(7_000);
  });

  it('shrink while a request is held', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a');
    bed.run();
    expect(node.busyLane.job.header).not.toHaveProperty('remainingMs');
    bed.run({ deadlineMs: 10_000 });
    await bed.clock.advance(4_000);
    node.busyLane.finish();
    expect(node.busyLane.job.header.remainingMs).toBe(6_000);
  });

  it('shrink while its model is waited for', async () => {
    const bed = new InferenceBed();
    bed.run({ deadlineMs: 10_000 });
    await bed.clock.advance(1_000);
    const node = bed.cluster.join('late');
    await bed.clock.advance(50);
    expect(node.busyLane.job.header.remainingMs).toBeLessThanOrEqual(9_000);
  });
});

describe('times', () => {
  it('count from when the request was received, not from when its body was read or its model was found', async () => {
    const bed = new InferenceBed();
    await bed.clock.advance(300);
    const asking = bed.run({ receivedAt: bed.clock.now() - 300, deadlineMs: 10_000 });
    await bed.clock.advance(1_000);
    const node = bed.cluster.join('late');
    await bed.clock.advance(50);
    expect(node.busyLane.job.header.remainingMs).toBe(8_650);
    await bed.clock.advance(100);
    node.busyLane.text('hello');
    await bed.clock.advance(100);
    node.busyLane.finish();
    await settled();
    expect(asking.record).toMatchObject({ firstEventMs: 1_450, endedMs: 1_550, attempts: [{ boundMs: 1_350 }] });
    expect(Math.abs(Date.parse(asking.record.receivedAt) + 300 - Date.now())).toBeLessThan(60_000);
  });
});

describe('keep_alive 0', () => {
  const last = { facts: { keepAliveSeconds: 0 } };

  it('unloads the model after the answer', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a');
    bed.run(last);
    node.busyLane.finish();
    await settled();
    expect(node.link.unloads).toMatchObject([{ engineId: 'ollama', model: 'llama3.2:latest' }]);
  });

  it('but not while somebody waits for it', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a');
    bed.run(last);
    bed.run(last);
    bed.run(last);
    node.busyLane.finish();
    await settled();
    node.busyLane.finish();
    await settled();
    expect(node.link.unloads).toEqual([]);
    node.busyLane.finish();
    await settled();
    expect(node.link.unloads).toHaveLength(1);
  });

  it('even where the one who waits cannot be placed this moment', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a', { lanes: 2, models: [{ parallel: 2 }] });
    bed.run(last);
    const lane = node.busyLane;
    bed.run();
    node.busy.find((busy) => busy !== lane)?.decline();
    expect(bed.cluster.scheduler.heldJobs).toBe(1);
    lane.finish();
    await settled();
    expect(node.busy).toEqual([]);
    expect(node.link.unloads).toEqual([]);
  });

  it('nor while somebody uses it', async () => {
    const bed = new InferenceBed();
    const node = bed.cluster.join('a', { lanes: 2, models: [{ parallel: 2 }] });
    bed.run(last);
    const lane = node.busyLane;
    bed.run();
    lane.finish();
    await settled();
    expect(node.link.unloads).toEqual([]);
    expect(node.busy).toHaveLength(1);
  });
});

it('a large embedding is one request of several jobs', async () => {
  const bed = new InferenceBed();
  const node = bed.cluster.join('a', { lanes: 3, models: [{ parallel: 3 }] });
  const input = Array.from({ length: 150 }, (_, index) => `text ${index}`);
  const asking = bed.run({
    facts: { endpoint: 'ollama.embed', inputs: 150, stream: false },
    body: Buffer.from(JSON.stringify({ model: 'llama3.2', input })),
  });
  await settled();
  expect(node.busy).toHaveLength(3);
  for (const lane of node.busy) {
    const part: readonly string[] = JSON.parse(Buffer.from(lane.job.body).toString()).input;
    lane.events(
      { type: 'embeddings', vectors: part.map((text) => [Number(text.slice(5))]) },
      { type: 'response-end', finishReason: 'stop', usage: { promptTokens: part.length, completionTokens: 0 } },
    );
    lane.end({ outcome: 'done', usage: { promptTokens: part.length, completionTokens: 0 } });
  }
  await settled();
  expect(asking.batches).toMatchObject([
    { events: [{ vectors: input.map((_, index) => [index]) }, { usage: { promptTokens: 150 } }] },
  ]);
  expect(asking.record).toMatchObject({ state: 'done', node: 'a', usage: { promptTokens: 150 } });
  expect(asking.record.attempts).toHaveLength(3);
  expect(bed.requests.list({ limit: 9 })).toEqual([asking.record]);
  expect(bed.requests.totals).toEqual({
    requests: 1,
    failed: 0,
    clientGone: 0,
    promptTokens: 150,
    completionTokens: 0,
  });
});

it('a large embedding that fails is one failure', async () => {
  const bed = new InferenceBed();
  const node = bed.cluster.join('a', { lanes: 3, models: [{ parallel: 3 }] });
  const input = new Array(150).fill('text');
  const asking = bed.run({
    facts: { endpoint: 'ollama.embed', inputs: 150, stream: false },
    body: Buffer.from(JSON.stringify({ model: 'llama3.2', input })),
  });
  await settled();
  node.busy[0]?.fail('request', { message: 'too long' });
  await settled();
  expect(asking.errors).toMatchObject([{ message: 'too long' }]);
  expect(node.busy.map((lane) => lane.wasCancelled)).toEqual([true, true]);
  expect(bed.requests.totals).toMatchObject({ requests: 1, failed: 1, clientGone: 0 });
  expect(asking.record.state).toBe('failed');
});
