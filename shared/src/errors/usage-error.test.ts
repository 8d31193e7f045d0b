import { expect, test } from 'vitest';
import { UsageError } from './usage-error.ts';

test.each([
  ['--port is no number', '--port is no number.'],
  ['Is it?', 'Is it?'],
  ['two\nlines\u{1b}[2J', 'two\u{fffd}lines\u{fffd}[2J.'],
])('%j is shown as %j', (text, shown) => {
  expect(new UsageError(text).message).toBe(shown);
});
