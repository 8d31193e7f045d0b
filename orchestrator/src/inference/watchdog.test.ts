import { notSeated } from '@waggle/shared/collections/roster.ts';
import { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import { expect, it } from 'vitest';
import { Watchdog, type Watched } from './watchdog.ts';

class Noting implements Watched {
  seat = notSeated;
  readonly checks: number[] = [];
  onCheck: () => void = () => {};

  check(now: number): void {
    this.checks.push(now);
    this.onCheck();
  }
}

it('looks at everything it watches four times a second, with one timer', async () => {
  const clock = new HandClock(0);
  const watchdog = new Watchdog(clock);
  const [a, b] = [new Noting(), new Noting()];
  watchdog.watch(a);
  await clock.advance(100);
  watchdog.watch(b);
  expect(clock.pending).toBe(1);
  await clock.advance(900);
  expect(a.checks).toEqual([250, 500, 750, 1_000]);
  expect(b.checks).toEqual(a.checks);
});

it('rests when there is nothing left, and begins again', async () => {
  const clock = new HandClock(0);
  const watchdog = new Watchdog(clock);
  const watched = new Noting();
  watchdog.watch(watched);
  watchdog.forget(watched);
  await clock.advance(250);
  expect(watched.checks).toEqual([]);
  expect(clock.pending).toBe(0);
  watchdog.watch(watched);
  await clock.advance(250);
  expect(watched.checks).toEqual([500]);
});

it('takes ones that come and go while it looks', async () => {
  const clock = new HandClock(0);
  const watchdog = new Watchdog(clock);
  const [leaving, forgotten, late] = [new Noting(), new Noting(), new Noting()];
  leaving.onCheck = () => {
    watchdog.forget(leaving);
    watchdog.forget(forgotten);
    watchdog.watch(late);
  };
  watchdog.watch(forgotten);
  watchdog.watch(leaving);
  await clock.advance(500);
  expect(leaving.checks).toEqual([250]);
  expect(forgotten.checks).toEqual([]);
  expect(late.checks.at(-1)).toBe(500);
  expect(clock.pending).toBe(1);
});
