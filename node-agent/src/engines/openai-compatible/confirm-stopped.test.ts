import { HandClock, settled } from '@waggle/shared/testing/hand-clock.ts';
import { expect, test } from 'vitest';
import { StopConfirmation } from './confirm-stopped.ts';

function watch(count: () => number | undefined, expected = () => 0) {
  const clock = new HandClock();
  let asked = 0;
  const stops = new StopConfirmation({
    count: async () => {
      asked++;
      return count();
    },
    expected,
    clock,
  });
  return { clock, stops, asked: () => asked };
}

test('waits until no more than expected is shown', async () => {
  let running = 1;
  const { clock, stops } = watch(() => running);
  let stopped: unknown;
  void stops.wait().then((value) => {
    stopped = value;
  });
  await clock.advance(1_000);
  expect(stopped).toBeUndefined();
  running = 0;
  await clock.advance(300);
  expect(stopped).toEqual({ estimated: false });
});

test('jobs that go on do not count', async () => {
  const { stops } = watch(
    () => 3,
    () => 3,
  );
  expect(await stops.wait()).toEqual({ estimated: false });
});

test('a server that does not tell is believed, as an estimate', async () => {
  const { stops } = watch(() => undefined);
  expect(await stops.wait()).toEqual({ estimated: true });
});

test('gives up after a minute', async () => {
  const { clock, stops } = watch(() => 1);
  const stopped = stops.wait();
  await clock.advance(61_000);
  expect(await stopped).toEqual({ estimated: true });
});

test('sixteen that wait share one question', async () => {
  const { stops, asked } = watch(() => 0);
  await Promise.all(Array.from({ length: 16 }, () => stops.wait()));
  await settled();
  expect(asked()).toBe(1);
});
