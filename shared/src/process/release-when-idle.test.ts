import { expect, test } from 'vitest';
import { HandClock } from '../testing/hand-clock.ts';
import { releaseWhenIdle } from './release-when-idle.ts';

test('gives back after the start, and after work, once it has been quiet for a while', async () => {
  const clock = new HandClock();
  let [running, ended, released] = [0, 0, 0];
  releaseWhenIdle(
    () => ({ running, ended }),
    clock,
    () => released++,
  );
  await clock.advance(999);
  expect(released).toBe(0);
  await clock.advance(1);
  expect(released).toBe(1);
  await clock.advance(9_000);
  expect(released).toBe(2);
  await clock.advance(3_600_000);
  expect(released).toBe(2);
  running = 1;
  await clock.advance(60_000);
  [running, ended] = [0, 1];
  await clock.advance(30_000);
  expect(released).toBe(2); // it ended since the last look
  ended = 2;
  await clock.advance(30_000);
  expect(released).toBe(2); // and so did another
  await clock.advance(30_000);
  expect(released).toBe(3);
});

test('a start that is busy at once is left alone until it is quiet', async () => {
  const clock = new HandClock();
  let [running, released] = [1, 0];
  releaseWhenIdle(
    () => ({ running, ended: 0 }),
    clock,
    () => released++,
  );
  await clock.advance(31_000);
  expect(released).toBe(0);
  running = 0;
  await clock.advance(30_000);
  expect(released).toBe(1);
});
