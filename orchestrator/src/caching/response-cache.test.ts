import { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import { expect, test } from 'vitest';
import type { KeptAnswer } from './kept-answer.ts';
import { ResponseCache } from './response-cache.ts';

function answerOf(bytes: number): KeptAnswer {
  const batch = { form: 'native', kinds: 34, deltas: 1, bytes: Buffer.alloc(bytes) } as const;
  return { endpoint: 'ollama.chat', stream: true, batch, node: 'a', usage: undefined };
}

test('the one used longest ago goes when the room is full', () => {
  const cache = new ResponseCache({ maxBytes: 16_000, ttlMs: 60_000 }, new HandClock());
  for (let number = 0; number < 22; number++) {
    cache.keep(`key ${number}`, answerOf(500));
    cache.find(['key 0']);
  }
  expect(cache.find(['key 0'])).toBeDefined();
  expect(cache.find(['key 1'])).toBeUndefined();
  expect(cache.find(['key 1', 'key 21'])).toBeDefined();
  const { bytes, entries, evicted, stored } = cache.stats();
  expect(bytes).toBeLessThanOrEqual(16_000);
  expect(stored).toBe(22);
  expect(entries + evicted).toBe(22);
});

test('an answer of more than a sixteenth of the room is not kept', () => {
  const cache = new ResponseCache({ maxBytes: 16_000, ttlMs: 60_000 }, new HandClock());
  cache.keep('large', answerOf(1_000));
  expect(cache.stats()).toMatchObject({ entries: 0, stored: 0, bytes: 0 });
});

test('one that its key alone makes too large is not counted as kept', () => {
  const cache = new ResponseCache({ maxBytes: 16_000, ttlMs: 60_000 }, new HandClock());
  cache.keep('x'.repeat(1_000), answerOf(0));
  expect(cache.stats()).toMatchObject({ entries: 0, stored: 0, bytes: 0 });
});

test('what is too old is neither given nor counted', async () => {
  const clock = new HandClock();
  const cache = new ResponseCache({ maxBytes: 16_000, ttlMs: 60_000 }, clock);
  cache.keep('key', answerOf(100));
  await clock.advance(59_000);
  expect(cache.find(['key'])).toBeDefined();
  expect(cache.stats()).toMatchObject({ entries: 1, bytes: 359 });
  await clock.advance(1_001);
  expect(cache.stats()).toMatchObject({ entries: 0, bytes: 0, evicted: 0 });
  expect(cache.find(['key'])).toBeUndefined();
});

test('follows its bounds, and begins anew where they change', () => {
  const limits = { maxBytes: 16_000, ttlMs: 60_000 };
  const cache = new ResponseCache(limits, new HandClock());
  cache.keep('key', answerOf(500));
  limits.maxBytes = 0;
  expect([cache.isOn, cache.find(['key'])]).toEqual([false, undefined]);
  limits.maxBytes = 32_000;
  expect(cache.find(['key'])).toBeUndefined();
  cache.keep('large', answerOf(1_500));
  expect(cache.stats()).toMatchObject({ maxBytes: 32_000, entries: 1, stored: 2, evicted: 0 });
  limits.ttlMs = 5;
  expect(cache.stats()).toMatchObject({ ttlMs: 5, entries: 0 });
});

test('without room it is off', () => {
  const cache = new ResponseCache({ maxBytes: 0, ttlMs: 60_000 }, new HandClock());
  cache.keep('key', answerOf(0));
  expect(cache.isOn).toBe(false);
  expect(cache.find(['key'])).toBeUndefined();
  expect(cache.stats()).toMatchObject({ entries: 0, stored: 0, hitRate: 0 });
});
