import type { LogBatch } from '@waggle/shared/observing/log-entry.ts';
import { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LogBuffer } from '../logging/log-buffer.ts';
import { LogSender } from './log-sender.ts';

let clock: HandClock;
let logs: LogBuffer;
let sender: LogSender;
let isFull: boolean;
/** What was sent, in order. */
let sent: ('report' | LogBatch)[];

beforeEach(() => {
  clock = new HandClock();
  logs = new LogBuffer();
  isFull = false;
  sent = [];
});

afterEach(() => sender.close());

function start(): void {
  sender = new LogSender({
    logs,
    clock,
    isFull: () => isFull,
    sendReport: () => void sent.push('report'),
    write: (batch) => void sent.push(batch),
  });
}

function log(count: number, textLength = 10): void {
  const facts = { text: 'x'.repeat(textLength) };
  for (let line = 0; line < count; line++) logs.write({ timeMs: 1, level: 'info', event: `e${line}`, facts });
}

const batches = () => sent.filter((item) => item !== 'report');
const sizes = () => batches().map(({ entries }) => entries.length);

test('what happens together travels together, after a report that is due', async () => {
  start();
  log(3);
  await clock.advance(50);
  log(2);
  expect(sent).toEqual([]);
  await clock.advance(50);
  expect(sizes()).toEqual([5]);
  expect(sent[0]).toBe('report');
});

test('what was written before there was a connection comes first', async () => {
  log(2);
  start();
  await clock.advance(100);
  expect(sizes()).toEqual([2]);
});

test('no more than one batch a second, of 64 KiB at most', async () => {
  start();
  for (let step = 0; step < 100; step++) {
    log(5, 2_000);
    await clock.advance(100);
  }
  expect(batches().length).toBeLessThanOrEqual(11);
  expect(batches().length).toBeGreaterThanOrEqual(9);
  for (const { entries } of batches()) {
    const bytes = entries.reduce((sum, { event, factsJson }) => sum + event.length + factsJson.length, 0);
    expect(bytes).toBeLessThanOrEqual(64 * 1024);
  }
});

test('a backlog is sent until it is gone, and then there is rest', async () => {
  log(100, 2_000);
  start();
  await clock.advance(10_000);
  expect(sizes().reduce((sum, size) => sum + size)).toBe(100);
  expect(batches().length).toBeGreaterThan(2);
  expect(clock.pending).toBe(0);
});

test('nothing goes into a stream that is full; it goes on when there is room', async () => {
  start();
  isFull = true;
  log(3);
  await clock.advance(5_000);
  expect(sent).toEqual([]);
  isFull = false;
  sender.drained();
  await clock.advance(100);
  expect(sizes()).toEqual([3]);
});

test('a report that fills the stream leaves the lines for later', async () => {
  const fills = () => {
    isFull = true;
  };
  sender = new LogSender({
    logs,
    clock,
    isFull: () => isFull,
    sendReport: fills,
    write: (batch) => void sent.push(batch),
  });
  log(3);
  await clock.advance(1_000);
  expect([sent, logs.isEmpty]).toEqual([[], false]);
});

test('the last lines go without a pause; a closed sender sends nothing', async () => {
  start();
  log(1);
  await clock.advance(100);
  log(2);
  sender.flush();
  expect(sizes()).toEqual([1, 2]);
  log(1);
  sender.close();
  log(1);
  sender.flush();
  await clock.advance(5_000);
  expect([sizes(), clock.pending]).toEqual([[1, 2], 0]);
});
