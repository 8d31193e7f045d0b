import type { AnswerBatch } from '@waggle/shared/chat/answer-batch.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { settled } from '@waggle/shared/testing/hand-clock.ts';
import { expect, test } from 'vitest';
import { SharedAnswer } from './shared-answer.ts';

/** An answer whose batches the test gives one by one. */
class Source {
  readonly batches: AsyncIterator<AnswerBatch>;
  asked = 0;
  returned = false;
  #give: ((result: IteratorResult<AnswerBatch>) => void) | undefined;
  #fail: ((thrown: unknown) => void) | undefined;

  constructor() {
    this.batches = {
      next: () => {
        this.asked++;
        return new Promise((resolve, reject) => {
          this.#give = resolve;
          this.#fail = reject;
        });
      },
      return: async () => {
        this.returned = true;
        return { done: true, value: undefined };
      },
    };
  }

  async give(text: string): Promise<void> {
    this.#give?.({ done: false, value: batchOf(text) });
    await settled();
  }

  async end(): Promise<void> {
    this.#give?.({ done: true, value: undefined });
    await settled();
  }

  async fail(error: ClusterError): Promise<void> {
    this.#fail?.(error);
    await settled();
  }
}

function batchOf(text: string): AnswerBatch {
  return { form: 'native', kinds: 2, deltas: 1, bytes: Buffer.from(text) };
}

/** A client that reads as fast as it can. */
class Client {
  readonly controller = new AbortController();
  readonly iterator: AsyncIterator<AnswerBatch>;
  text = '';
  outcome: 'open' | 'done' | ClusterError = 'open';

  constructor(answer: SharedAnswer) {
    this.iterator = answer.read(this.controller.signal);
  }

  /** Whether there was something to read. */
  async read(): Promise<boolean> {
    try {
      const next = await this.iterator.next();
      if (next.done === true) this.outcome = 'done';
      else if (next.value.form === 'native') this.text += Buffer.from(next.value.bytes).toString();
      return next.done !== true;
    } catch (thrown) {
      this.outcome = thrown as ClusterError;
      return false;
    }
  }

  async readAll(): Promise<void> {
    while (await this.read());
  }
}

function share(largestBytes = 1e6) {
  const source = new Source();
  const outcomes: (readonly AnswerBatch[] | undefined)[] = [];
  const abandoned: ClusterError[] = [];
  const answer = new SharedAnswer({
    batches: source.batches,
    abandon: (reason) => abandoned.push(reason),
    settled: (batches) => outcomes.push(batches),
    largestBytes,
  });
  return { source, answer, outcomes, abandoned };
}

test('each reader gets everything, whenever it came', async () => {
  const { source, answer, outcomes } = share();
  const first = new Client(answer);
  void first.readAll();
  await source.give('a');
  const second = new Client(answer);
  void second.readAll();
  await source.give('b');
  await source.end();
  expect([first.text, first.outcome]).toEqual(['ab', 'done']);
  expect([second.text, second.outcome]).toEqual(['ab', 'done']);
  expect(outcomes).toEqual([[batchOf('a'), batchOf('b')]]);
  expect(answer.isOpen).toBe(false);
  // Once for each batch and once for the end.
  expect(source.asked).toBe(3);
});

test('one that leaves harms nobody; the last one to leave ends the work', async () => {
  const { source, answer, outcomes, abandoned } = share();
  const [first, second] = [new Client(answer), new Client(answer)];
  void first.readAll();
  void second.readAll();
  await source.give('a');
  first.controller.abort(new ClusterError('client-gone', 'left'));
  await settled();
  expect(first.outcome).toMatchObject({ code: 'client-gone', message: 'left' });
  expect(abandoned).toEqual([]);
  await source.give('b');
  expect(second.text).toBe('ab');
  second.controller.abort(new ClusterError('deadline-exceeded', 'too late'));
  await settled();
  expect(second.outcome).toMatchObject({ code: 'deadline-exceeded' });
  expect(abandoned).toMatchObject([{ code: 'client-gone' }]);
  expect(source.returned).toBe(true);
  expect(outcomes).toEqual([undefined]);
  expect(answer.isOpen).toBe(false);
});

test('one that stops reading by itself has left', async () => {
  const { source, answer, abandoned } = share();
  const client = new Client(answer);
  void client.read();
  await source.give('a');
  await client.iterator.return?.();
  expect(abandoned).toHaveLength(1);
});

test('one that had gone before it began is told so, and ends what nobody else wants', async () => {
  const { answer, abandoned } = share();
  const controller = new AbortController();
  controller.abort(new ClusterError('client-gone', 'gone before'));
  await expect(answer.read(controller.signal).next()).rejects.toThrow('gone before');
  expect(abandoned).toHaveLength(1);
});

test('a failure is everybody’s, and nothing is kept', async () => {
  const { source, answer, outcomes, abandoned } = share();
  const [first, second] = [new Client(answer), new Client(answer)];
  void first.readAll();
  void second.readAll();
  await source.fail(new ClusterError('engine-failed', 'broke'));
  expect(first.outcome).toMatchObject({ code: 'engine-failed' });
  expect(second.outcome).toMatchObject({ code: 'engine-failed' });
  expect(outcomes).toEqual([undefined]);
  expect(abandoned).toEqual([]);
});

test('an answer that grows too large is read on by those who read it, and joined by nobody', async () => {
  const { source, answer, outcomes } = share(1_000);
  const client = new Client(answer);
  void client.readAll();
  await source.give('x'.repeat(500));
  expect(answer.isOpen).toBe(true);
  await source.give('y'.repeat(500));
  expect(answer.isOpen).toBe(false);
  await source.give('z');
  await source.end();
  expect(client.text).toBe(`${'x'.repeat(500)}${'y'.repeat(500)}z`);
  expect(outcomes).toEqual([undefined]);
});

test('the fastest reader of a large answer waits for the slowest, or for its leaving', async () => {
  const { source, answer } = share(1_000);
  const [fast, slow] = [new Client(answer), new Client(answer)];
  void fast.readAll();
  const piece = 'x'.repeat(600_000);
  await source.give(piece);
  await source.give(piece);
  const { asked } = source;
  await settled();
  expect(asked).toBe(2);
  await slow.read();
  await settled();
  expect(source.asked).toBe(3);
  await source.give(piece);
  expect(source.asked).toBe(3);
  await slow.iterator.return?.();
  await settled();
  expect(source.asked).toBe(4);
  await source.end();
  expect(fast.outcome).toBe('done');
  expect(fast.text).toHaveLength(1_800_000);
});
