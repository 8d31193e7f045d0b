import { expect, test } from 'vitest';
import { batchKind } from '../../chat/answer-batch.ts';
import type { ChatEvent } from '../../chat/chat-event.ts';
import type { JobEnd, JobHeader } from '../../cluster/job.ts';
import type { LinkBench } from './link-bench.ts';
import type { RecordingEvents } from './recording-events.ts';
import { settle, until } from './waiting.ts';

const megabyte = 1024 * 1024;

export function describeJobs(toBench: () => LinkBench): void {
  test('a job arrives as it was given, its answer as it was made', async () => {
    const { events } = toBench();
    const host = await toBench().join({ 'ollama@http://host:1/': 1 });
    const header: JobHeader = {
      jobId: 'job-1',
      attempt: 3,
      requestId: 'request-ü',
      endpoint: 'openai.embeddings',
      engineId: 'ollama@http://host:1/',
      model: 'bge-m3:latest',
      answerModel: 'text-embedding-3',
      stream: false,
      answer: 'events',
      priority: 'low',
      remainingMs: 1234.5,
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      pins: { numCtx: 131_072, keepAliveSeconds: -1, startOptions: { num_thread: 1, use_mmap: false } },
    };
    const end: JobEnd = {
      outcome: 'done',
      usage: { promptTokens: 100_000, completionTokens: 0, cachedTokens: 0 },
      timings: { totalMs: 12.25, loadMs: 0, prefillMs: 3.5, decodeMs: 8 },
      estimated: true,
    };
    const observer = await events.bindNext(header, Buffer.from('{"input":"é"}'));
    const job = await host.jobs.next();
    expect(job.header).toEqual(header);
    expect(Buffer.from(job.body).toString()).toBe('{"input":"é"}');
    job.native('role', batchKind.opening, 0);
    job.native('one ', batchKind.text, 1);
    job.native('two', batchKind.text | batchKind.end, 2);
    job.end(end);
    await observer.over();
    expect(observer.acceptedCount).toBe(1);
    expect(observer.batches.map(({ kinds, deltas }) => [kinds, deltas])).toEqual([
      [1, 0],
      [2, 1],
      [34, 2],
    ]);
    expect(observer.text).toBe('roleone two');
    expect(observer.end).toEqual(end);
    expect(events.idle).toHaveLength(1);
  });

  test('typed events arrive as they were', async () => {
    const { events } = toBench();
    const host = await toBench().join({ e1: 1 });
    const said: ChatEvent[] = [
      { type: 'thinking-delta', text: 'hm' },
      { type: 'text-delta', text: 'x'.repeat(1000) },
      {
        type: 'text-delta',
        text: 'é',
        logprobs: [{ token: 'é', logprob: -0.5, bytes: [195, 169], topLogprobs: [{ token: 'e', logprob: -1 }] }],
      },
      { type: 'tool-call', call: { index: 1, id: 'c1', name: 'now', arguments: '{"b":1,"a":2}' } },
      { type: 'tool-call', call: { index: 0, name: 'then', arguments: '{}' } },
      { type: 'embeddings', vectors: [[0.1, -1e-9, 3], []] },
      {
        type: 'response-end',
        finishReason: 'tool-calls',
        usage: { promptTokens: 1, completionTokens: 2 },
        timings: { loadMs: 1.5 },
        context: [1, -2, 2 ** 40],
      },
    ];
    const observer = await events.bindNext();
    const job = await host.jobs.next();
    for (const event of said.slice(0, 2)) job.events(event);
    job.events(...said.slice(2));
    job.end();
    await observer.over();
    expect(observer.batches.flatMap((batch) => (batch.form === 'events' ? batch.events : []))).toEqual(said);
    expect(observer.batches.at(-1)?.kinds).toBe(
      batchKind.text | batchKind.toolCall | batchKind.embeddings | batchKind.end,
    );
  });

  test('a failed job brings its failure', async () => {
    const { events } = toBench();
    const host = await toBench().join({ e1: 1 });
    const observer = await events.bindNext();
    const job = await host.jobs.next();
    const end: JobEnd = {
      outcome: 'failed',
      failure: {
        cause: 'rate-limited',
        code: 'rate-limited',
        message: 'slower',
        engineStatus: 429,
        engineBody: `{"error":"${'ü'.repeat(30_000)}"}`,
        retryAfterMs: 1500,
        param: 'tool_choice',
      },
    };
    job.end(end);
    await observer.over();
    expect(observer.end).toEqual(end);
  });

  test('a job of which nothing is said is accepted all the same', async () => {
    const { events } = toBench();
    await toBench().join({ e1: 1 });
    const observer = await events.bindNext();
    await until(() => observer.acceptedCount === 1);
    expect(observer.batches).toEqual([]);
  });

  test('a declined job comes back, and the lane takes the next', async () => {
    const { events } = toBench();
    const host = await toBench().join({ e1: 1 });
    const declined = await events.bindNext();
    (await host.jobs.next()).decline('foreign-load');
    await declined.over();
    expect([declined.outcome, declined.reason, declined.acceptedCount]).toEqual(['declined', 'foreign-load', 0]);
    const observer = await events.bindNext();
    (await host.jobs.next()).end();
    await observer.over();
    expect(observer.outcome).toBe('ended');
  });

  test('a cancel reaches the host; the lane is free when the job has ended', async () => {
    const { events } = toBench();
    const host = await toBench().join({ e1: 1 });
    const observer = await events.bindNext();
    const job = await host.jobs.next();
    observer.lane.cancel();
    observer.lane.cancel();
    await until(() => job.isCancelled);
    expect(observer.outcome).toBeUndefined();
    job.end({ outcome: 'cancelled', estimated: true });
    await observer.over();
    expect(observer.end).toEqual({ outcome: 'cancelled', estimated: true });
    expect(events.idle).toHaveLength(1);
  });

  test('a cancel for a job that is over does nothing to the next one', async () => {
    const { events } = toBench();
    const host = await toBench().join({ e1: 1 });
    const first = await events.bindNext();
    (await host.jobs.next()).end();
    await first.over();
    first.lane.cancel();
    const second = await events.bindNext();
    const job = await host.jobs.next();
    await settle();
    expect(job.isCancelled).toBe(false);
    job.end();
    await second.over();
  });

  test('an observer is never called from inside a call to its lane', async () => {
    const { events } = toBench();
    const host = await toBench().join({ e1: 3 });
    host.onJob = (job) => {
      const kind = Buffer.from(job.body).toString();
      if (kind === 'decline') job.decline('no-slot');
      if (kind === 'cancel') job.onCancel = () => job.end({ outcome: 'cancelled' });
      if (kind === 'answer') {
        job.native('all', batchKind.text | batchKind.end);
        job.end();
      }
      return true;
    };
    const declined = bindUnheard(events, 'decline');
    const answered = bindUnheard(events, 'answer');
    const cancelled = bindUnheard(events, 'cancel');
    cancelled.lane.cancel();
    expect(cancelled.outcome).toBeUndefined();
    for (const observer of [declined, answered, cancelled]) await observer.over();
    expect([declined.outcome, answered.text, cancelled.end?.outcome]).toEqual(['declined', 'all', 'cancelled']);
  });

  test('a reader that pauses holds the host back, within bounds, and loses nothing', async () => {
    const { events } = toBench();
    const host = await toBench().join({ e1: 2 });
    const chunk = Buffer.alloc(16 * 1024, 'x');
    const total = 2000;
    let made = 0;
    let resumes = 0;
    const observer = await events.bindNext();
    const job = await host.jobs.next();
    const produce = () => {
      while (made < total) {
        made++;
        if (!job.native(chunk)) return;
      }
    };
    job.onResume = () => {
      resumes++;
      produce();
      if (made === total && !job.isOver) job.end();
    };
    observer.onBatch = () => {
      if (observer.batches.length === 1) observer.lane.pause();
    };
    produce();
    for (let before = -1; before !== made; ) {
      before = made;
      await settle(200);
    }
    const other = await events.bindNext();
    const otherJob = await host.jobs.next();
    otherJob.native(Buffer.alloc(megabyte)); // a paused lane stops no other
    otherJob.end();
    await other.over();
    expect(made * chunk.byteLength).toBeLessThan(4 * megabyte);
    expect(observer.bytes).toBeLessThan(megabyte);
    observer.lane.resume();
    await observer.over();
    expect([observer.bytes, observer.end?.outcome]).toEqual([total * chunk.byteLength, 'done']);
    expect(resumes).toBeGreaterThan(0);
  });

  test('a cancel is heard while the answer is held back', async () => {
    const { events } = toBench();
    const host = await toBench().join({ e1: 1 });
    const observer = await events.bindNext();
    const job = await host.jobs.next();
    observer.onBatch = () => observer.lane.pause();
    while (job.native(Buffer.alloc(64 * 1024))) await settle(1);
    observer.lane.cancel();
    await until(() => job.isCancelled);
    job.end({ outcome: 'cancelled' });
    observer.lane.resume();
    observer.onBatch = () => {};
    await observer.over();
    expect(observer.end?.outcome).toBe('cancelled');
  });

  test('20 MB go down and come back whole', async () => {
    const { events } = toBench();
    const host = await toBench().join({ e1: 1 });
    const body = patterned(20 * megabyte);
    const observer = await events.bindNext({}, body);
    const job = await host.jobs.next();
    expect(Buffer.compare(Buffer.from(job.body), body)).toBe(0);
    job.native(body, batchKind.text | batchKind.end, 7);
    job.end();
    await observer.over();
    expect(observer.bytes).toBe(body.byteLength);
    expect(Buffer.compare(Buffer.from(observer.text, 'utf8'), Buffer.from(body.toString('utf8'), 'utf8'))).toBe(0);
    const summed = observer.batches.reduce((sum, { deltas }) => sum + deltas, 0);
    expect([summed, observer.batches.at(-1)?.kinds]).toEqual([7, batchKind.text | batchKind.end]);
  });

  test('large typed events come whole, one or many', async () => {
    const { events } = toBench();
    const host = await toBench().join({ e1: 1 });
    const vector = Array.from({ length: 1024 }, (_, index) => index / 7);
    const one: ChatEvent = { type: 'embeddings', vectors: Array.from({ length: 200 }, () => vector) };
    const many: ChatEvent[] = Array.from({ length: 500 }, (_, index) => ({
      type: 'text-delta',
      text: `${index}-`.repeat(500),
    }));
    const observer = await events.bindNext({ answer: 'events' });
    const job = await host.jobs.next();
    job.events(one);
    job.events(...many);
    job.end();
    await observer.over();
    const got = observer.batches.flatMap((batch) => (batch.form === 'events' ? batch.events : []));
    expect(got).toEqual([one, ...many]);
    const deltas = observer.batches.reduce((sum, batch) => sum + batch.deltas, 0);
    expect(deltas).toBe(many.length);
  });

  test('a job is cancelled while its body is under way: it ends, run or not', async () => {
    const { events } = toBench();
    const host = await toBench().join({ e1: 1 });
    host.onJob = (job) => {
      job.onCancel = () => job.end({ outcome: 'cancelled' });
      return true;
    };
    const observer = await events.bindNext({}, patterned(8 * megabyte));
    observer.lane.cancel();
    await observer.over();
    expect(observer.end?.outcome).toBe('cancelled');
    expect(events.idle).toHaveLength(1);
  });
}

/** Binds a job whose host answers at once, and sees that nothing was heard of it before `bind` returned. */
function bindUnheard(events: RecordingEvents, body: string) {
  const [lane] = events.idle;
  if (lane === undefined) throw new Error('no lane is idle');
  const observer = events.bind(lane, {}, Buffer.from(body));
  expect([observer.acceptedCount, observer.batches.length, observer.outcome]).toEqual([0, 0, undefined]);
  return observer;
}

function patterned(bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  for (let index = 0; index < bytes; index++) buffer[index] = 32 + (index % 89);
  return buffer;
}
