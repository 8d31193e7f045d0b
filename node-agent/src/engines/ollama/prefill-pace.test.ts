import { expect, test } from 'vitest';
import { PrefillPace } from './prefill-pace.ts';

const run = { answered: false, bodyBytes: 4_000, elapsedMs: 200 };

test('a new version stops with its connection', () => {
  const pace = new PrefillPace();
  pace.observe({ promptTokens: 100, completionTokens: 1 }, { prefillMs: 100 });
  for (const version of ['0.30.0', '0.34.2', '1.0.0', 'dev', '']) expect(pace.restMs(run, version)).toBeUndefined();
});

test('an old one goes on reading the prompt', () => {
  const pace = new PrefillPace();
  expect(pace.restMs(run, '0.24.0')).toBe(0);
  pace.observe({ promptTokens: 100, completionTokens: 1 }, { prefillMs: 100 });
  // 1,000 tokens at 1 ms, 200 ms of which are over.
  expect(pace.restMs(run, '0.24.0')).toBe(800);
  expect(pace.restMs({ ...run, answered: true }, '0.24.0')).toBeUndefined();
  expect(pace.restMs({ ...run, bodyBytes: 1e9 }, '0.24.0')).toBe(60_000);
});

test('a prompt from the cache does not make it look fast', () => {
  const pace = new PrefillPace();
  pace.observe({ promptTokens: 100, completionTokens: 1 }, { prefillMs: 100 });
  pace.observe({ promptTokens: 100, completionTokens: 1 }, { prefillMs: 1 });
  pace.observe(undefined, { prefillMs: 1 });
  expect(pace.restMs(run, '0.24.0')).toBe(750);
});
