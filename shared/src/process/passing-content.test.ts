import { expect, test } from 'vitest';
import { PassingContent } from './passing-content.ts';

test('is collected every megabyte, and not for less', () => {
  let collected = 0;
  const content = new PassingContent(() => collected++);
  const counts = [500_000, 500_000, 100_000, 500_000, 500_000, 500_000].map((bytes) => {
    content.passed(bytes);
    return collected;
  });
  expect(counts).toEqual([0, 0, 1, 1, 1, 2]);
});

test('leaves no more behind than a few megabytes', () => {
  const content = new PassingContent();
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  for (let part = 0; part < 2_000; part++) {
    content.passed(Buffer.allocUnsafeSlow(65_536).byteLength);
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  // Without it some 80 MB come together.
  expect(most).toBeLessThan(8 * 1024 * 1024);
});
