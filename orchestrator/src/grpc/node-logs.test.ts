import { createBoundedLogger } from '@waggle/shared/observing/bounded-logger.ts';
import type { LogEntry } from '@waggle/shared/observing/log-entry.ts';
import type { LogFacts, Logger, LogLevel } from '@waggle/shared/observing/logger.ts';
import { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import { beforeEach, expect, test } from 'vitest';
import { NodeLogs } from './node-logs.ts';

interface Line {
  readonly level: LogLevel;
  readonly event: string;
  readonly facts: LogFacts;
}

let clock: HandClock;
let lines: Line[];
let logs: NodeLogs;

const desk = { nodeId: 'n1', name: 'desk' };

beforeEach(() => {
  clock = new HandClock();
  lines = [];
  const at =
    (level: LogLevel) =>
    (event: string, facts: LogFacts = {}) =>
      void lines.push({ level, event, facts });
  const logger: Logger = { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') };
  logs = new NodeLogs({ logger, clock });
});

function entry(changes: Partial<LogEntry> = {}): LogEntry {
  return { timeMs: 1_000, level: 'info', event: 'engine-up', factsJson: '{"engine":"e1"}', ...changes };
}

const many = (count: number, changes: Partial<LogEntry> = {}) => Array.from({ length: count }, () => entry(changes));
const count = (event: string) => lines.filter((line) => line.event === event).length;
const drops = () => lines.filter(({ event }) => event === 'node-log-lines-dropped');

test("a node's line has its name, its time and its level", () => {
  logs.write(desk, { entries: [entry(), entry({ level: 'error', event: 'engine-down', factsJson: '' })], dropped: 0 });
  expect(lines).toEqual([
    { level: 'info', event: 'engine-up', facts: { node: 'desk', nodeTime: '1970-01-01T00:00:01.000Z', engine: 'e1' } },
    { level: 'error', event: 'engine-down', facts: { node: 'desk', nodeTime: '1970-01-01T00:00:01.000Z' } },
  ]);
  expect(clock.pending).toBe(0);
});

test('a node cannot speak for another, nor say anything in place of an event', () => {
  const factsJson = '{"node":"other","nodeTime":"never","engine":"e1"}';
  logs.write(desk, { entries: [entry({ event: 'Node\njoined \u001b[2J', factsJson })], dropped: 0 });
  expect(lines).toEqual([
    {
      level: 'info',
      event: 'node-line',
      facts: { node: 'desk', nodeTime: '1970-01-01T00:00:01.000Z', nodeEvent: 'Node\njoined \u001b[2J', engine: 'e1' },
    },
  ]);
});

test.each([
  ['no JSON', '{"a":'],
  ['no object', '[1,2]'],
  ['no object', '"text"'],
  ['null', 'null'],
  ['too large', JSON.stringify({ a: 'x'.repeat(20_000) })],
])('facts that cannot be read are said to be so: %s', (_, factsJson) => {
  logs.write(desk, { entries: [entry({ factsJson })], dropped: 0 });
  expect(lines[0]?.facts).toMatchObject({ node: 'desk', nodeFacts: 'unreadable' });
});

test('deep facts, and names of the language itself, harm nothing', () => {
  const written: unknown[] = [];
  const sink = { write: (line: unknown) => written.push(line) > 0 };
  logs = new NodeLogs({ logger: createBoundedLogger({ level: 'info', sinks: [sink], clock }), clock });
  const deep = `{"a":${'['.repeat(8_000)}${']'.repeat(8_000)}}`;
  const names = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":1}';
  logs.write(desk, { entries: [entry({ factsJson: deep }), entry({ factsJson: names })], dropped: 0 });
  expect(written).toHaveLength(2);
  expect(JSON.stringify(written).length).toBeLessThan(1_000);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

test.each([Number.NaN, 1e17, -1e17])('a time that is none is left out: %d', (timeMs) => {
  logs.write(desk, { entries: [entry({ timeMs })], dropped: 0 });
  expect(lines[0]?.facts).toEqual({ node: 'desk', engine: 'e1' });
});

test('a node that is not quiet: so many lines a second, errors longest, and one line about the rest', async () => {
  for (let second = 0; second < 10; second++) {
    logs.write(desk, { entries: many(1_000), dropped: 0 });
    logs.write(desk, { entries: many(2, { level: 'error', event: 'engine-down' }), dropped: 0 });
    await clock.advance(1_000);
  }
  expect(count('engine-up')).toBeGreaterThanOrEqual(1_000);
  expect(count('engine-up')).toBeLessThanOrEqual(1_200);
  expect(count('engine-down')).toBe(20);
  await clock.advance(10_000);
  expect(drops()).toHaveLength(1);
  expect(drops()[0]).toEqual({
    level: 'warn',
    event: 'node-log-lines-dropped',
    facts: { node: 'desk', droppedHere: { info: 10_000 - count('engine-up') } },
  });
  expect(clock.pending).toBe(0);
});

test('so many bytes a second, whatever the lines', async () => {
  const factsJson = JSON.stringify({ text: 'x'.repeat(15_000) });
  for (let second = 0; second < 20; second++) {
    logs.write(desk, { entries: many(50, { factsJson }), dropped: 0 });
    await clock.advance(1_000);
  }
  expect(count('engine-up') * 15_000).toBeLessThanOrEqual(512 * 1024 + 20 * 64 * 1024);
  expect(count('engine-up')).toBeGreaterThan(60);
});

test('a new connection does not give a new share', () => {
  logs.write(desk, { entries: many(1_000), dropped: 0 });
  const before = count('engine-up');
  logs.write({ ...desk }, { entries: many(1_000), dropped: 0 });
  expect(count('engine-up')).toBe(before);
});

test('all nodes together have a bound, too, and errors of a quiet node come through', () => {
  for (let node = 0; node < 50; node++) {
    logs.write({ nodeId: `n${node}`, name: `node-${node}` }, { entries: many(100), dropped: 0 });
  }
  expect(count('engine-up')).toBeLessThanOrEqual(400);
  logs.write(
    { nodeId: 'quiet', name: 'quiet' },
    { entries: [entry({ level: 'error', event: 'engine-down' })], dropped: 0 },
  );
  expect(count('engine-down')).toBe(1);
});

test('what a node dropped itself is said, too, and added up', async () => {
  logs.write(desk, { entries: [], dropped: 3 });
  logs.write(desk, { entries: [entry()], dropped: 4 });
  await clock.advance(10_000);
  expect(drops().map(({ facts }) => facts)).toEqual([{ node: 'desk', droppedByNode: 7 }]);
});
