import { expect, test } from 'vitest';
import { toDurations } from './durations.ts';

test.each([
  ['all told', { totalMs: 10, loadMs: 1, prefillMs: 2, decodeMs: 6 }, undefined, [10e6, 1e6, 2e6, 6e6]],
  ['nothing of loading', { totalMs: 10, prefillMs: 2, decodeMs: 7 }, undefined, [10e6, 1e6, 2e6, 7e6]],
  ['a load of 0', { totalMs: 9, loadMs: 0, prefillMs: 2, decodeMs: 7 }, undefined, [9e6, 1, 2e6, 7e6]],
  ['parts that are more than the whole', { totalMs: 5, prefillMs: 2, decodeMs: 7 }, undefined, [5e6, 1, 2e6, 7e6]],
  ['no decoding, but events', { totalMs: 10, prefillMs: 2 }, 3, [10e6, 5e6, 2e6, 3e6]],
  ['events that came in one piece', { totalMs: 10, prefillMs: 10, decodeMs: 0 }, 0, [10e6, 1, 10e6, 10e6]],
  ['a whole answer', { totalMs: 10, prefillMs: undefined }, undefined, [10e6, 1, undefined, 10e6]],
  ['nothing', undefined, undefined, [undefined, undefined, undefined, undefined]],
])('%s', (_, timings, waitedMs, expected) => {
  const { total, load, prefill, decode } = toDurations(timings, waitedMs);
  expect([total, load, prefill, decode]).toEqual(expected);
});
