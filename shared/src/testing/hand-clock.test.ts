import { expect, test } from 'vitest';
import { HandClock } from './hand-clock.ts';

test('stands still until it is moved, and runs what falls due in order', async () => {
  const clock = new HandClock(0);
  const ran: string[] = [];
  const note = (what: string) => () => ran.push(`${what} at ${clock.now()}`);
  clock.schedule(20, note('late'));
  clock.schedule(10, note('early'));
  clock.schedule(10, note('early too'));
  clock.schedule(21, note('never'))();
  clock.schedule(100, note('far'));
  expect(clock.now()).toBe(0);
  await clock.advance(50);
  expect(ran).toEqual(['early at 10', 'early too at 10', 'late at 20']);
  expect(clock.now()).toBe(50);
  expect(clock.pending).toBe(1);
});

test('what a timer leads to runs too, promises in between', async () => {
  const clock = new HandClock(0);
  const ran: number[] = [];
  clock.schedule(10, () => {
    void Promise.resolve().then(() => clock.schedule(10, () => ran.push(clock.now())));
  });
  await clock.advance(20);
  expect(ran).toEqual([20]);
});
