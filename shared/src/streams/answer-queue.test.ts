import { describe, expect, test } from 'vitest';
import { AnswerQueue } from './answer-queue.ts';

describe('order', () => {
  test('what was pushed before and while it is read comes in order, then the end', async () => {
    const queue = new AnswerQueue<number>({ highWater: 1_000 });
    for (let item = 0; item < 200; item++) queue.push(item);
    const seen: number[] = [];
    const reading = (async () => {
      for await (const item of queue) {
        seen.push(item);
        if (item === 199) queue.push(200);
        if (item === 200) queue.end();
      }
    })();
    await reading;
    expect(seen).toEqual(Array.from({ length: 201 }, (_, item) => item));
  });

  test('a waiting reader gets the item, the end or the error at once', async () => {
    const [item, end, error] = [1, 2, 3].map(() => new AnswerQueue<string>({ highWater: 1 }));
    const pulled = [item, end, error].map((queue) => queue?.[Symbol.asyncIterator]().next());
    item?.push('a');
    end?.end();
    error?.fail(new Error('gone'));
    await expect(pulled[0]).resolves.toEqual({ done: false, value: 'a' });
    await expect(pulled[1]).resolves.toEqual({ done: true, value: undefined });
    await expect(pulled[2]).rejects.toThrow('gone');
  });

  test('an error comes after what was pushed before it, once', async () => {
    const queue = new AnswerQueue<string>({ highWater: 10 });
    queue.push('a');
    queue.fail(new Error('gone'));
    queue.push('late');
    const reader = queue[Symbol.asyncIterator]();
    await expect(reader.next()).resolves.toEqual({ done: false, value: 'a' });
    await expect(reader.next()).rejects.toThrow('gone');
    await expect(reader.next()).resolves.toEqual({ done: true, value: undefined });
  });

  test('two who wait at once are a mistake', async () => {
    const reader = new AnswerQueue<string>({ highWater: 1 })[Symbol.asyncIterator]();
    void reader.next();
    await expect(reader.next()).rejects.toThrow(/one reader/);
  });
});

describe('back-pressure', () => {
  test('asks for a pause above high water, and for more when half was read', async () => {
    let drains = 0;
    const queue = new AnswerQueue<string>({ highWater: 10, sizeOf: ({ length }) => length, onDrain: () => drains++ });
    expect(queue.push('12345')).toBe(true);
    expect(queue.push('12345')).toBe(true);
    expect(queue.push('1')).toBe(false);
    expect(queue.push('1')).toBe(false);
    const reader = queue[Symbol.asyncIterator]();
    await reader.next();
    expect(drains).toBe(0);
    await reader.next();
    expect(drains).toBe(1);
    await reader.next();
    await reader.next();
    expect(drains).toBe(1);
    expect(queue.push('123')).toBe(true);
  });

  test('a producer may push from within onDrain', async () => {
    const queue: AnswerQueue<number> = new AnswerQueue<number>({ highWater: 1, onDrain: () => queue.push(9) });
    queue.push(1);
    queue.push(2);
    const reader = queue[Symbol.asyncIterator]();
    const items = [await reader.next(), await reader.next(), await reader.next()];
    expect(items.map(({ value }) => value)).toEqual([1, 2, 9]);
  });
});

describe('a reader who leaves', () => {
  test('is told of once, and nothing is kept or asked to wait afterwards', async () => {
    let left = 0;
    const queue = new AnswerQueue<number>({ highWater: 1, onReturn: () => left++ });
    queue.push(1);
    queue.push(2);
    for await (const _ of queue) break;
    expect(left).toBe(1);
    expect(queue.push(3)).toBe(true);
    await queue[Symbol.asyncIterator]().return?.();
    expect(left).toBe(1);
    await expect(queue[Symbol.asyncIterator]().next()).resolves.toEqual({ done: true, value: undefined });
  });

  test('after the end is not told of', async () => {
    let left = 0;
    const queue = new AnswerQueue<number>({ highWater: 1, onReturn: () => left++ });
    queue.push(1);
    queue.end();
    for await (const _ of queue);
    await queue[Symbol.asyncIterator]().return?.();
    expect(left).toBe(0);
  });

  test('while it waits ends the waiting', async () => {
    const reader = new AnswerQueue<number>({ highWater: 1 })[Symbol.asyncIterator]();
    const waiting = reader.next();
    await reader.return?.();
    await expect(waiting).resolves.toEqual({ done: true, value: undefined });
  });
});
