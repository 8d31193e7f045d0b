import { describe, expect, test } from 'vitest';
import { parseGoDuration } from './go-duration.ts';

describe('durations', () => {
  test.each([
    ['5m', 300],
    ['1h30m', 5400],
    ['-1s', -1],
    ['+2s', 2],
    ['0', 0],
    ['0s', 0],
    ['1.5h', 5400],
    ['.5s', 0.5],
    ['1.s', 1],
    ['250ms', 0.25],
    ['2µs', 2e-6],
    ['24h', 86_400],
  ])('%s', (text, seconds) => {
    expect(parseGoDuration(text)).toEqual({ ok: true, seconds });
  });
});

describe('in the words of Go', () => {
  test.each([
    ['soon', 'time: invalid duration "soon"'],
    ['', 'time: invalid duration ""'],
    ['-', 'time: invalid duration "-"'],
    ['.s', 'time: invalid duration ".s"'],
    ['5', 'time: missing unit in duration "5"'],
    ['5q', 'time: unknown unit "q" in duration "5q"'],
    ['5 m', 'time: unknown unit " m" in duration "5 m"'],
    ['1.5.5s', 'time: missing unit in duration "1.5.5s"'],
    ['9999999999h', 'time: invalid duration "9999999999h"'],
    ['1constructor', 'time: unknown unit "constructor" in duration "1constructor"'],
  ])('%s', (text, problem) => {
    expect(parseGoDuration(text)).toEqual({ ok: false, problem });
  });
});
