import { expect, test } from 'vitest';
import { toIdleTarget } from './lane-target.ts';

test.each([
  [{ free: 4, busy: 0 }, 4],
  [{ free: 256, busy: 0 }, 8],
  [{ free: 256, busy: 32 }, 8],
  [{ free: 200, busy: 56 }, 14],
  [{ free: 3, busy: 253 }, 3],
  [{ free: 0, busy: 8 }, 0],
])('%j: %i', (counts, target) => {
  expect(toIdleTarget(counts)).toBe(target);
});
