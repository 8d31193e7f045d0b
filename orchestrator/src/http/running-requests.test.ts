import { notSeated } from '@waggle/shared/collections/roster.ts';
import { expect, test } from 'vitest';
import { type RunningRequest, RunningRequests } from './running-requests.ts';

function toRequest(shutDown = () => {}): RunningRequest {
  return { seat: notSeated, shutDown };
}

test('counts what is being answered, and what was, each once', async () => {
  const running = new RunningRequests();
  await running.whenEmpty();
  const [first, second] = [toRequest(), toRequest()];
  running.add(first);
  running.add(second);
  expect([running.count, running.ended]).toEqual([2, 0]);
  running.delete(first);
  running.delete(first);
  expect([running.count, running.ended]).toEqual([1, 1]);
  const empty = running.whenEmpty();
  running.delete(second);
  await empty;
  expect([running.count, running.ended]).toEqual([0, 2]);
});

test('all of them can be cut short, those that leave meanwhile too', () => {
  const running = new RunningRequests();
  let cut = 0;
  for (let index = 0; index < 3; index++) {
    const request = toRequest(() => {
      cut++;
      running.delete(request);
    });
    running.add(request);
  }
  running.abortAll();
  expect([cut, running.count]).toEqual([3, 0]);
});
