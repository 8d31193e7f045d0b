import type { LogLine, LogSink } from '@waggle/shared/observing/log-line.ts';
import { expect, test } from 'vitest';
import { createLazySink } from './lazy-sink.ts';

const toLine = (event: string): LogLine => ({ timeMs: 0, level: 'info', event, facts: {} });

test('loads with the first line, and keeps the order of lines', async () => {
  const written: string[] = [];
  const sink: LogSink = {
    write: ({ event }) => written.push(event) > 0,
  };
  let loads = 0;
  const loaded = Promise.withResolvers<LogSink>();
  const lazy = createLazySink(() => {
    loads++;
    return loaded.promise;
  });
  expect(loads).toBe(0);
  lazy.write(toLine('one'));
  lazy.write(toLine('two'));
  loaded.resolve(sink);
  await loaded.promise;
  lazy.write(toLine('three'));
  expect(written).toEqual(['one', 'two', 'three']);
  expect(loads).toBe(1);
});

test('holds back no more than it may while it loads, and never throws', async () => {
  const lazy = createLazySink(() => Promise.reject(new Error('not there')));
  const taken = Array.from({ length: 5_000 }, () => lazy.write(toLine('one'))).filter(Boolean);
  expect(taken).toHaveLength(1_000);
  await Promise.resolve();
  expect(lazy.write(toLine('two'))).toBe(false);
});
