import { expect, test } from 'vitest';
import { CoreRefusal } from './core-refusal.ts';
import { unstoppable } from './pause.ts';
import { SlotPool } from './slot-pool.ts';

const never = () => unstoppable;
const long = (text: string) => text.repeat(100);

test('gives each request the slot that knows most of its prompt', async () => {
  const pool = new SlotPool(2, () => {});
  const first = await pool.acquire(long('a'), never);
  const second = await pool.acquire(long('b'), never);
  pool.release(first.slot, long('a'));
  pool.release(second.slot, long('b'));
  const again = await pool.acquire(`${long('b')} and more`, never);
  expect(again.slot).toBe(second.slot);
  expect(again.cachedTokens).toBe(25);
  expect((await pool.acquire(long('b'), never)).cachedTokens).toBe(0);
});

test('waits in order, and those who leave are passed over', async () => {
  const pool = new SlotPool(1, () => {});
  const held = await pool.acquire('x', never);
  const served: number[] = [];
  const leaving = new AbortController();
  const waiting = [1, 2, 3].map(async (number) => {
    const seat = await pool.acquire('x', number === 2 ? () => leaving.signal : never);
    served.push(number);
    pool.release(seat.slot, 'x');
  });
  expect(pool.waiting).toBe(3);
  leaving.abort();
  expect(pool.waiting).toBe(2);
  pool.release(held.slot, 'x');
  await expect(waiting[1]).rejects.toEqual(new CoreRefusal('gone'));
  await Promise.all([waiting[0], waiting[2]]);
  expect(served).toEqual([1, 3]);
  expect([pool.running, pool.peak]).toEqual([0, 1]);
});
