import { expect, test } from 'vitest';
import { TokenBucket } from './token-bucket.ts';

const takenOf = (bucket: TokenBucket, tries: number, now: number, reserve = 0): number =>
  Array.from({ length: tries }).filter(() => bucket.take(1, now, reserve)).length;

test('a burst, then its rate, then a burst again after a pause', () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 20 }, 0);
  expect(takenOf(bucket, 100, 0)).toBe(20);
  expect(takenOf(bucket, 100, 500)).toBe(5);
  expect(takenOf(bucket, 100, 600)).toBe(1);
  expect(takenOf(bucket, 100, 1_000_000)).toBe(20);
});

test('a reserve is left to those who may go below it', () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 20 }, 0);
  expect(takenOf(bucket, 100, 0, 5)).toBe(15);
  expect(takenOf(bucket, 100, 0)).toBe(5);
});

test('a clock that goes back gives nothing', () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 1 }, 1_000);
  expect(takenOf(bucket, 5, 1_000)).toBe(1);
  expect(takenOf(bucket, 5, 0)).toBe(0);
  expect(takenOf(bucket, 5, 1_100)).toBe(1);
});
