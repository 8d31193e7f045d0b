import { expect, test } from 'vitest';
import { PrefillPace } from './prefill-pace.ts';

function after(perTokenMs: number, pieces: number, most = 512): number {
  const pace = new PrefillPace(most);
  for (let piece = 0; piece < pieces; piece++) pace.took(pace.tokens * perTokenMs);
  return pace.tokens;
}

test('pieces take about the time that somebody may wait for one', () => {
  expect(after(1, 10)).toBe(50);
  expect(after(0.01, 10)).toBe(512);
  expect(after(1_000, 10)).toBe(4);
  expect(after(1, 10, 16)).toBe(16);
});

test('one slow piece is no new pace', () => {
  const pace = new PrefillPace(512);
  pace.took(0);
  pace.took(0);
  expect(pace.tokens).toBe(32);
  pace.took(10_000);
  expect(pace.tokens).toBe(16);
});
