import { expect, test } from 'vitest';
import { Backoff } from './backoff.ts';

test('doubles from 200 ms to 5 s, spread by half', () => {
  const latest = new Backoff(() => 1);
  expect(Array.from({ length: 8 }, () => latest.next())).toEqual([200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
  const earliest = new Backoff(() => 0);
  expect(Array.from({ length: 7 }, () => earliest.next())).toEqual([200, 200, 400, 800, 1600, 2500, 2500]);
});

test('begins anew after a success', () => {
  const backoff = new Backoff(() => 1);
  backoff.next();
  backoff.next();
  backoff.reset();
  expect(backoff.next()).toBe(200);
});
