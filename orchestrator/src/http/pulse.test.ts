import { notSeated } from '@waggle/shared/collections/roster.ts';
import { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import { expect, it } from 'vitest';
import { Pulse } from './pulse.ts';

it('beats its members, and tells no more than what has surely passed', async () => {
  const clock = new HandClock();
  const pulse = new Pulse(clock, 100);
  const since = pulse.beats;
  let beats = 0;
  const member = { seat: notSeated, beat: () => beats++ };
  pulse.join(member);
  await clock.advance(350);
  expect(beats).toBe(3);
  expect(pulse.elapsedMs(since)).toBe(200);
  pulse.leave(member);
  await clock.advance(100);
  expect(beats).toBe(3);
  pulse.join(member);
  pulse.stop();
  await clock.advance(1_000);
  expect(beats).toBe(3);
});
