import { expect, test } from 'vitest';
import { integerRange } from './integer-range.ts';

/** The rule as a regular expression. */
function toPattern(rule: string): RegExp {
  const source = rule.replaceAll('"', '').replaceAll(' ', '');
  return new RegExp(`^(?:${source.replaceAll('(', '(?:')})$`);
}

test.each([
  [3, 12],
  [0, 0],
  [7, 7],
  [0, 255],
  [-5, 5],
  [-120, -15],
  [99, 1_001],
  [120, 987],
  [-1, 0],
])('from %i to %i', (least, most) => {
  const pattern = toPattern(integerRange(BigInt(least), BigInt(most)) ?? '');
  for (let number = least - 150; number <= most + 150; number++) {
    expect([number, pattern.test(String(number))]).toEqual([number, number >= least && number <= most]);
  }
});

test('one bound alone', () => {
  const atLeast = toPattern(integerRange(5n, undefined) ?? '');
  expect(['4', '5', '10', '123456789', '-7'].map((text) => atLeast.test(text))).toEqual([
    false,
    true,
    true,
    true,
    false,
  ]);
  const atMost = toPattern(integerRange(undefined, -3n) ?? '');
  expect(['-2', '-3', '-99', '0'].map((text) => atMost.test(text))).toEqual([false, true, true, false]);
});

test('none', () => {
  expect(integerRange(3n, 2n)).toBeUndefined();
});
