import { Socket } from 'node:net';
import { notSeated } from '@waggle/shared/collections/roster.ts';
import { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import { expect, it } from 'vitest';
import { Pulse } from '../pulse.ts';
import { ReaderPatience } from './reader-patience.ts';

/** A patience of 8 s on a pulse of one beat a second, in front of a system that holds `bed.unsent` bytes. */
function patienceBed() {
  const clock = new HandClock();
  const pulse = new Pulse(clock, 1_000);
  const bed = { clock, unsent: 1_000_000 as number | undefined, looks: 0, gaveUp: 0 };
  const patience = new ReaderPatience({
    writeTimeoutMs: 8_000,
    pulse,
    unsentBytes: async () => {
      bed.looks++;
      return bed.unsent;
    },
  });
  const socket = new Socket();
  pulse.join({ seat: notSeated, beat: () => patience.beat(socket, () => bed.gaveUp++) });
  return { ...bed, bed, patience };
}

it.each([1_000_000, undefined])(
  'gives up on a reader who stopped, once, between the time and half as much again',
  async (unsent) => {
    const { bed, clock, patience } = patienceBed();
    bed.unsent = unsent;
    patience.begin();
    await clock.advance(8_000);
    expect(bed.gaveUp).toBe(0);
    await clock.advance(4_000);
    expect(bed.gaveUp).toBe(1);
    await clock.advance(60_000);
    expect(bed.gaveUp).toBe(1);
    expect(bed.looks).toBe(3);
  },
);

it('waits for one who reads so slowly that no write goes through', async () => {
  const { bed, clock, patience } = patienceBed();
  patience.begin();
  for (let second = 0; second < 120; second++) {
    await clock.advance(1_000);
    if (second % 4 === 0 && bed.unsent !== undefined) bed.unsent -= 1;
  }
  expect(bed.gaveUp).toBe(0);
  // And no longer once he stopped.
  await clock.advance(12_000);
  expect(bed.gaveUp).toBe(1);
});

it('waits for one whose writes go through, and looks at nothing', async () => {
  const { bed, clock, patience } = patienceBed();
  for (let second = 0; second < 60; second++) {
    patience.begin();
    await clock.advance(1_000);
    patience.end();
  }
  expect([bed.gaveUp, bed.looks]).toEqual([0, 0]);
  await clock.advance(60_000);
  expect([bed.gaveUp, bed.looks]).toEqual([0, 0]);
});

it('does not take more in the buffer than before for progress', async () => {
  const { bed, clock, patience } = patienceBed();
  patience.begin();
  await clock.advance(5_000);
  bed.unsent = 2_000_000;
  await clock.advance(7_000);
  expect(bed.gaveUp).toBe(1);
});
