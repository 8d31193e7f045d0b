import { unknownHardware } from '@waggle/shared/cluster/node.ts';
import { describe, expect, it } from 'vitest';
import { toHardware } from '../testing/reports.ts';
import { DecayedSums } from './decayed-stats.ts';
import { toFastMemoryBytes, toMemoryBytes, toPriors } from './priors.ts';
import { type RateSample, Rates } from './rates.ts';

const priors = { prefillMsPerToken: 2, decodeMsPerToken: 50, loadMs: 3_000 };

function toSample(facts: Partial<RateSample> = {}): RateSample {
  return {
    usage: { promptTokens: 100, completionTokens: 50 },
    timings: { prefillMs: 100, decodeMs: 1_000 },
    promptTokens: 90,
    others: 0,
    firstEventMs: 105,
    totalMs: 1_105,
    ...facts,
  };
}

describe('DecayedSums', () => {
  it('fades by half in a half-life, and counts samples of one instant alike', () => {
    const sums = new DecayedSums(['n'], 1_000);
    sums.add(5_000, { n: 1 });
    sums.add(5_000, { n: 1 });
    expect(sums.get('n')).toBe(2);
    sums.add(6_000, { n: 0 });
    expect(sums.get('n')).toBe(1);
    sums.add(5_500, { n: 1 });
    expect(sums.get('n')).toBe(2);
  });
});

describe('Rates', () => {
  it('are the priors until something was measured', () => {
    const rates = new Rates(() => priors);
    expect(rates.decodeMsPerToken(3)).toBe(50);
    expect(rates).toMatchObject({ ...priors, decodeMsPerToken: expect.any(Function), outputTokens: 200, samples: 0 });
    expect(rates.serviceMs).toBe(10_000);
  });

  it("are the engine's own figures after the first sample", () => {
    const rates = new Rates(() => priors);
    rates.learn(0, toSample());
    expect(rates.prefillMsPerToken).toBe(1);
    expect(rates.decodeMsPerToken(0)).toBe(20);
    expect(rates).toMatchObject({ outputTokens: 50, serviceMs: 1_105, errorRate: 0, deviationMs: 0, samples: 1 });
  });

  it('leave prompt tokens from a prefix cache out of the prefill rate', () => {
    const rates = new Rates(() => priors);
    rates.learn(0, toSample({ usage: { promptTokens: 1_000, completionTokens: 50, cachedTokens: 900 } }));
    expect(rates.prefillMsPerToken).toBe(1);
  });

  it('take the times seen from here where the engine tells none', () => {
    const rates = new Rates(() => priors);
    rates.learn(0, toSample({ timings: undefined, firstEventMs: 200, totalMs: 1_200 }));
    expect(rates.prefillMsPerToken).toBe(2);
    expect(rates.decodeMsPerToken(0)).toBe(20);
  });

  it('divide the time of an unstreamed answer as was expected, where the engine tells none', () => {
    const rates = new Rates(() => priors);
    // Expected: 100 × 2 ms of prefill and 50 × 50 ms of decode; it took twice as long.
    rates.learn(0, toSample({ timings: undefined, firstEventMs: 5_400, totalMs: 5_400 }));
    expect(rates.prefillMsPerToken).toBeCloseTo(4);
    expect(rates.decodeMsPerToken(0)).toBeCloseTo(100);
  });

  it('give all the time of an embedding to its prompt', () => {
    const rates = new Rates(() => priors);
    const usage = { promptTokens: 100, completionTokens: 0 };
    rates.learn(0, toSample({ usage, timings: undefined, firstEventMs: 300, totalMs: 300 }));
    expect(rates.prefillMsPerToken).toBe(3);
    expect(rates.decodeMsPerToken(0)).toBe(50);
  });

  it('follow a node that became slow within two minutes', () => {
    const rates = new Rates(() => priors);
    for (let second = 0; second < 60; second++) rates.learn(second * 1_000, toSample());
    for (let second = 60; second < 180; second++)
      rates.learn(second * 1_000, toSample({ timings: { prefillMs: 100, decodeMs: 5_000 } }));
    expect(rates.decodeMsPerToken(0)).toBeGreaterThan(80);
    expect(rates.decodeMsPerToken(0)).toBeLessThan(100);
  });

  it('learn by how much each other job slows one down', () => {
    const rates = new Rates(() => priors);
    for (let count = 0; count < 40; count++) {
      const others = count % 4;
      rates.learn(count, toSample({ others, timings: { prefillMs: 100, decodeMs: 50 * (20 + 5 * others) } }));
    }
    expect(rates.decodeMsPerToken(0)).toBeCloseTo(20, 1);
    expect(rates.decodeMsPerToken(7)).toBeCloseTo(55, 1);
  });

  it('invent no slope where there was always the same company, nor one that makes company a help', () => {
    const alike = new Rates(() => priors);
    for (let count = 0; count < 40; count++) alike.learn(count, toSample({ others: 2 }));
    expect(alike.decodeMsPerToken(30)).toBeCloseTo(20);
    const odd = new Rates(() => priors);
    for (let count = 0; count < 40; count++)
      odd.learn(count, toSample({ others: count % 2, timings: { decodeMs: count % 2 === 0 ? 2_000 : 1_000 } }));
    expect(odd.decodeMsPerToken(10)).toBeCloseTo(30);
  });

  it('count faults as a share of the outcomes', () => {
    const rates = new Rates(() => priors);
    rates.learn(0, toSample());
    rates.learnFault(0);
    expect(rates.errorRate).toBe(0.5);
  });

  it('measure how unsteady a place is, whatever the length of its answers', () => {
    const rates = new Rates(() => priors);
    rates.learn(0, toSample());
    rates.learn(
      0,
      toSample({ usage: { promptTokens: 200, completionTokens: 10 }, timings: { prefillMs: 200, decodeMs: 200 } }),
    );
    expect(rates.deviationMs).toBeCloseTo(0);
    rates.learn(0, toSample({ timings: { prefillMs: 100, decodeMs: 2_000 } }));
    expect(rates.deviationMs).toBeCloseTo(500);
  });

  it('learn loading by itself', () => {
    const rates = new Rates(() => priors);
    rates.learnLoad(0, 1_000);
    rates.learnLoad(0, 2_000);
    expect(rates.loadMs).toBe(1_500);
  });
});

describe('toPriors', () => {
  const gpu = { name: 'gpu', vendor: 'x', vramBytes: 24e9 };

  it.each([
    ['a GPU that holds the model', toHardware({ gpus: [gpu] }), 8e9, 20],
    ['a GPU that does not', toHardware({ gpus: [gpu] }), 30e9, 1_000],
    ['unified memory', toHardware({ platform: 'darwin', arch: 'arm64' }), 3e9, 20],
    ['a plain machine', toHardware(), 3e9, 100],
    ['a model of unknown size', toHardware(), 0, 133.33],
    ['an unknown machine', unknownHardware, 3.3e9, 30],
  ])('%s', (_, hardware, bytes, decodeMsPerToken) => {
    const expected = toPriors(hardware, bytes);
    expect(expected.decodeMsPerToken).toBeCloseTo(decodeMsPerToken, 1);
    expect(expected.prefillMsPerToken).toBeLessThan(expected.decodeMsPerToken);
    expect(expected.loadMs).toBeGreaterThan(bytes / 1e6);
  });

  it('counts memory and VRAM as what a machine could hold', () => {
    expect(toMemoryBytes(toHardware({ memoryBytes: 16e9, gpus: [gpu] }))).toBe(40e9);
  });

  it('thinks no model too large for an unknown machine', () => {
    expect(toMemoryBytes(unknownHardware)).toBe(Number.POSITIVE_INFINITY);
    expect(toFastMemoryBytes(unknownHardware)).toBe(Number.POSITIVE_INFINITY);
  });
});
