import type { LogLine } from '@waggle/shared/observing/log-line.ts';
import type { LogLevel } from '@waggle/shared/observing/logger.ts';
import { expect, test } from 'vitest';
import { LogBuffer } from './log-buffer.ts';

const toLine = (level: LogLevel, event: string, facts: LogLine['facts'] = {}): LogLine => ({
  timeMs: 7,
  level,
  event,
  facts,
});

function eventsOf(buffer: LogBuffer, maxBytes = 1e6): readonly string[] {
  return buffer.take(maxBytes)?.entries.map(({ event }) => event) ?? [];
}

test('lines come out as they were written, each once; steps stay here', () => {
  const buffer = new LogBuffer();
  expect([buffer.isEmpty, buffer.take(1e6)]).toEqual([true, undefined]);
  buffer.write(toLine('info', 'one', { node: 'é' }));
  buffer.write(toLine('debug', 'step'));
  buffer.write(toLine('error', 'two'));
  buffer.write(toLine('warn', 'three'));
  expect(buffer.take(1e6)).toEqual({
    entries: [
      { timeMs: 7, level: 'info', event: 'one', factsJson: '{"node":"é"}' },
      { timeMs: 7, level: 'error', event: 'two', factsJson: '{}' },
      { timeMs: 7, level: 'warn', event: 'three', factsJson: '{}' },
    ],
    dropped: 0,
  });
  expect([buffer.isEmpty, buffer.take(1e6)]).toEqual([true, undefined]);
});

test('too many lines: the lowest level goes first, of a level the oldest, and what went is counted', () => {
  const buffer = new LogBuffer({ maxEntries: 4, maxBytes: 1e6 });
  for (const event of ['e1', 'e2']) buffer.write(toLine('error', event));
  for (const event of ['i1', 'i2', 'i3', 'i4']) buffer.write(toLine('info', event));
  buffer.write(toLine('warn', 'w1'));
  expect(buffer.take(1e6)).toMatchObject({
    entries: [{ event: 'e1' }, { event: 'e2' }, { event: 'i4' }, { event: 'w1' }],
    dropped: 3,
  });
  for (let line = 0; line < 10; line++) buffer.write(toLine('error', `e${line}`));
  buffer.write(toLine('info', 'late'));
  expect(buffer.take(1e6)).toMatchObject({
    entries: [{ event: 'e6' }, { event: 'e7' }, { event: 'e8' }, { event: 'e9' }],
    dropped: 7,
  });
});

test('too many bytes', () => {
  const buffer = new LogBuffer({ maxEntries: 1_000, maxBytes: 10_000 });
  for (let line = 0; line < 100; line++) buffer.write(toLine('info', `i${line}`, { text: 'é'.repeat(450) }));
  const batch = buffer.take(1e6);
  expect(batch?.entries.map(({ event }) => event)).toEqual([
    'i90',
    'i91',
    'i92',
    'i93',
    'i94',
    'i95',
    'i96',
    'i97',
    'i98',
    'i99',
  ]);
  expect(batch?.dropped).toBe(90);
});

test('a batch takes what fits, the oldest first; one that never fits does not stop the others', () => {
  const buffer = new LogBuffer();
  for (const event of ['a', 'b', 'c']) buffer.write(toLine('info', event, { text: 'x'.repeat(1_000) }));
  expect(eventsOf(buffer, 2_200)).toEqual(['a', 'b']);
  expect(eventsOf(buffer, 10)).toEqual(['c']);
});

test('only a count is something to say, too', () => {
  const buffer = new LogBuffer({ maxEntries: 0, maxBytes: 1e6 });
  buffer.write(toLine('error', 'gone'));
  expect(buffer.isEmpty).toBe(false);
  expect(buffer.take(1e6)).toEqual({ entries: [], dropped: 1 });
});

test('listeners hear of every line until they are taken off', () => {
  const buffer = new LogBuffer();
  let heard = 0;
  const stop = buffer.subscribe(() => heard++);
  buffer.write(toLine('info', 'one'));
  buffer.write(toLine('debug', 'step'));
  stop();
  buffer.write(toLine('info', 'two'));
  expect(heard).toBe(1);
});
