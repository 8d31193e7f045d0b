import { expect, test } from 'vitest';
import { parseDurationMs, parseSizeBytes, showDuration, showSize } from './units.ts';

test.each([
  [30, 30_000],
  [0.5, 500],
  ['30', 30_000],
  ['500ms', 500],
  ['30s', 30_000],
  ['1.5m', 90_000],
  [' 10m ', 600_000],
  ['1h', 3_600_000],
  ['1h30m', 5_400_000],
  ['2d', 172_800_000],
  [0, 0],
])('the duration %j is %d ms', (written, ms) => {
  expect(parseDurationMs(written)).toBe(ms);
});

test.each([
  '',
  ' ',
  's',
  '10',
  '10 m',
  '10x',
  '10mm',
  '-1s',
  'm10',
  '1h 30m',
  '1e3s',
  '9'.repeat(30),
  -1,
  Number.NaN,
  1e300,
])('%j is a duration only if it reads as one', (written) => {
  expect(parseDurationMs(written)).toBe(written === '10' ? 10_000 : undefined);
});

test.each([
  [65_536, 65_536],
  ['65536', 65_536],
  ['64MiB', 67_108_864],
  ['1GB', 1_000_000_000],
  ['1.5 KiB', 1_536],
  ['10kb', 10_000],
  ['7B', 7],
  ['2TiB', 2_199_023_255_552],
])('the size %j is %d bytes', (written, bytes) => {
  expect(parseSizeBytes(written)).toBe(bytes);
});

test.each(['', 'MiB', '64M', '64 mebibytes', '-1', '1.5', -1, 1.5, Number.POSITIVE_INFINITY, '99999999TiB'])(
  '%j is no size',
  (written) => {
    expect(parseSizeBytes(written)).toBeUndefined();
  },
);

test.each(['0s', '500ms', '30s', '1m30s', '10m', '1h', '1d', '1d1h1m1s1ms'])(
  '%s is shown as it was written',
  (text) => {
    expect(showDuration(parseDurationMs(text) ?? Number.NaN)).toBe(text);
  },
);

test.each(['0', '1', '64MiB', '1GB', '16KiB', '1TiB', '65537'])('%s bytes are shown as they were written', (text) => {
  expect(showSize(parseSizeBytes(text) ?? Number.NaN)).toBe(text);
});
