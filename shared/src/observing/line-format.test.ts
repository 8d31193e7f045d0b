import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { toBoundedFacts } from './bounded-facts.ts';
import { toJsonLine, toTerminalLine } from './line-format.ts';
import type { LogLine } from './log-line.ts';
import type { LogFacts } from './logger.ts';

function toLine(facts: LogFacts, event = 'happened'): LogLine {
  return { timeMs: 1_000, level: 'info', event, facts: toBoundedFacts(facts) };
}

test('one JSON object per line; facts do not stand for the line itself', () => {
  const line = toJsonLine(toLine({ message: 'no', level: 'error', event: 'other', timestamp: 'never', node: 'a\nb' }));
  expect(line).not.toContain('\n');
  expect(JSON.parse(line)).toEqual({
    timestamp: '1970-01-01T00:00:01.000Z',
    level: 'info',
    event: 'happened',
    message: 'no',
    level_: 'error',
    event_: 'other',
    timestamp_: 'never',
    node: 'a\nb',
  });
});

test('a JSON line is at most 16 KiB', () => {
  const facts = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`f${index}`, '\u0001'.repeat(9_000)]));
  const line = toJsonLine(toLine(facts, 'e'.repeat(100)));
  expect(Buffer.byteLength(line)).toBeLessThanOrEqual(16 * 1024);
  expect(JSON.parse(line)).toMatchObject({ factsLeftOut: expect.any(Number) });
});

test('on a terminal nothing in a fact moves the cursor or makes a line of its own', () => {
  const facts = {
    'na\u001b[2Jme': '\u001b[31mred\r\n12:00 error forged\u202e\u009b2J',
    inner: { a: '\u001b' },
    count: 2,
  };
  expect(stripVTControlCharacters(toTerminalLine(toLine(facts, 'joi\u001b[2Jned')))).toBe(
    String.raw`00:00:01.000 info  joi\u001b[2Jned  na\u001b[2Jme=\u001b[31mred\u000d\u000a12:00 error forged\u202e\u009b2J inner={"a":"\u001b"} count=2`,
  );
});

test('on a terminal a stack keeps its lines, set in', () => {
  const line = toTerminalLine(toLine({ stack: 'Error: no\n    at a\u001b[2J\n12:00 error forged' }));
  expect(line.split('\n')).toEqual([
    expect.stringContaining('Error: no'),
    String.raw`          at a\u001b[2J`,
    '      12:00 error forged',
  ]);
});
