import { expect, test } from 'vitest';
import { createBoundedLogger } from './bounded-logger.ts';
import type { Clock } from './clock.ts';
import type { LogLine, LogSink } from './log-line.ts';
import type { LogLevel } from './logger.ts';

/** Stands still until it is moved. */
class StillClock implements Clock {
  readonly #timers: { readonly at: number; readonly action: () => void }[] = [];
  #now = 0;

  now(): number {
    return this.#now;
  }

  schedule(delayMs: number, action: () => void): () => void {
    this.#timers.push({ at: this.#now + delayMs, action });
    return () => {};
  }

  get timers(): number {
    return this.#timers.length;
  }

  moveTo(now: number): void {
    this.#now = now;
    for (const timer of this.#timers.splice(0)) {
      if (timer.at <= now) timer.action();
      else this.#timers.push(timer);
    }
  }
}

class Lines implements LogSink {
  readonly lines: LogLine[] = [];
  hasRoom = true;

  write(line: LogLine): boolean {
    if (this.hasRoom) this.lines.push(line);
    return this.hasRoom;
  }

  count(level: LogLevel): number {
    return this.lines.filter((line) => line.level === level && line.event !== 'log-lines-dropped').length;
  }

  get dropped(): readonly LogLine['facts'][] {
    return this.lines.filter(({ event }) => event === 'log-lines-dropped').map(({ facts }) => facts);
  }
}

function setUp(level: LogLevel = 'debug', maxLinesPerSecond = 100) {
  const [clock, sink] = [new StillClock(), new Lines()];
  const logger = createBoundedLogger({ level, maxLinesPerSecond, sinks: [sink], clock, now: () => 5 });
  const say = (at: LogLevel, count: number) => {
    for (let line = 0; line < count; line++) logger[at]('happened', { line });
  };
  return { clock, sink, logger, say };
}

test('lines have a time, a level, an event and bounded facts', () => {
  const { sink, logger } = setUp('info');
  logger.debug('below');
  logger.info('node-joined', { node: 'desk', note: 'x'.repeat(50_000) });
  logger.error('e'.repeat(1_000));
  expect(sink.lines).toMatchObject([
    { timeMs: 5, level: 'info', event: 'node-joined', facts: { node: 'desk' } },
    { level: 'error', event: 'e'.repeat(100), facts: {} },
  ]);
  expect(JSON.stringify(sink.lines).length).toBeLessThan(5_000);
});

test('facts of a line below the level are not even looked at', () => {
  const { sink, logger } = setUp('info');
  const facts = {
    get costly(): string {
      throw new Error('was read');
    },
  };
  expect(() => logger.debug('below', facts)).not.toThrow();
  expect(sink.lines).toEqual([]);
});

test('a flood: the lowest levels go first, errors have a reserve, and one line says what is missing', () => {
  const { clock, sink, say } = setUp();
  say('debug', 1_000);
  expect(sink.count('debug')).toBe(100);
  say('info', 1_000);
  expect(sink.count('info')).toBe(50);
  say('warn', 1_000);
  expect(sink.count('warn')).toBe(30);
  say('error', 1_000);
  expect(sink.count('error')).toBe(20);
  expect(sink.dropped).toEqual([]);
  clock.moveTo(1_000);
  expect(sink.dropped).toEqual([{ debug: 900, info: 950, warn: 970, error: 980 }]);
  expect(clock.timers).toBe(0);
});

test('the rate holds over time, and what is missing is said once a second', () => {
  const { clock, sink, say } = setUp();
  for (let ms = 0; ms <= 10_000; ms += 10) {
    clock.moveTo(ms);
    say('info', 10);
  }
  clock.moveTo(11_000);
  expect(sink.count('info')).toBeGreaterThanOrEqual(1_100);
  expect(sink.count('info')).toBeLessThanOrEqual(1_160);
  expect(sink.dropped.length).toBeLessThanOrEqual(11);
  const missing = sink.dropped.reduce((sum, { info }) => sum + Number(info), 0);
  expect(sink.count('info') + missing).toBe(10_010);
});

test('errors are written while everything else floods', () => {
  const { clock, sink, say } = setUp();
  for (let ms = 0; ms <= 5_000; ms += 10) {
    clock.moveTo(ms);
    say('debug', 50);
    say('info', 50);
    say('warn', 50);
    if (ms % 100 === 0) say('error', 1);
  }
  expect(sink.count('error')).toBe(51);
});

test('a sink without room: its lines are counted, the other has them', () => {
  const [clock, full, open] = [new StillClock(), new Lines(), new Lines()];
  const logger = createBoundedLogger({ level: 'info', sinks: [full, open], clock });
  full.hasRoom = false;
  logger.info('one');
  logger.warn('two');
  clock.moveTo(1_000);
  expect(open.dropped).toEqual([{ info: 1, warn: 1 }]);
  expect(open.lines.map(({ event }) => event)).toEqual(['one', 'two', 'log-lines-dropped']);
  expect(clock.timers).toBe(0);
});

test('a budget of one line a second still writes one', () => {
  const { clock, sink, say } = setUp('debug', 1);
  say('debug', 5);
  expect(sink.count('debug')).toBe(1);
  clock.moveTo(60_000);
  say('error', 5);
  expect(sink.count('error')).toBe(2);
});

test('the level can change: what is below the new one is left out, and what is not is there', () => {
  const { logger, sink, say } = setUp('warn');
  say('info', 1);
  logger.setLevel('debug');
  say('debug', 2);
  logger.setLevel('error');
  say('warn', 4);
  say('error', 8);
  expect([sink.count('info'), sink.count('debug'), sink.count('warn'), sink.count('error')]).toEqual([0, 2, 0, 8]);
});
