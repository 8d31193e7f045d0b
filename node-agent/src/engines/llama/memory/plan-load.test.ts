import { describe, expect, test } from 'vitest';
import type { ModelFacts } from '../process/model-facts.ts';
import { doesNotFit, fits, planLoad } from './plan-load.ts';
import { chooseThreads } from './threads.ts';

const gibibyte = 1024 ** 3;
/** Of eight billion weights in four bits. */
const facts: ModelFacts = {
  architecture: 'llama',
  capabilities: ['completion'],
  contextLength: 131_072,
  embeddingLength: 4_096,
  parameters: 8e9,
  quantization: 'Q4_K_M',
  weightsBytes: 4.6 * gibibyte,
  contextBytes: 0.3 * gibibyte,
  contextBytesPerToken: 131_072,
};
const wish = { numCtx: undefined, slots: undefined, mostSlots: 4, defaultNumCtx: 4_096 };

describe('planLoad', () => {
  test.each([
    [5, 1],
    [8, 2],
    [11, 3],
    [13, 4],
    [64, 4],
  ])('with %i GiB to be had, %i sequences', (available, slots) => {
    const plan = planLoad(facts, wish, available * gibibyte);
    expect(plan).toMatchObject({ numCtx: 4_096, slots, weightsBytes: facts.weightsBytes });
    expect(plan.bytes / gibibyte).toBeCloseTo(4.9 + slots * 0.5, 5);
  });

  test('what was decided is kept, within what the model was trained for', () => {
    const plan = planLoad(facts, { ...wish, numCtx: 1e6, slots: 3 }, gibibyte);
    expect(plan).toMatchObject({ numCtx: 131_072, mostCtx: 131_072, slots: 3 });
    expect(planLoad({ ...facts, contextLength: 0 }, { ...wish, numCtx: 8_192 }, gibibyte).numCtx).toBe(4_096);
    expect(planLoad({ ...facts, capabilities: ['embedding'] }, { ...wish, slots: 3 }, 64 * gibibyte).slots).toBe(1);
  });

  test('something is left for the rest of the machine', () => {
    const plan = planLoad(facts, wish, 5.5 * gibibyte);
    expect(plan.bytes).toBeLessThan(5.5 * gibibyte);
    expect(fits(plan, 5.5 * gibibyte)).toBe(false);
    expect(fits(plan, 5.7 * gibibyte)).toBe(true);
    expect(doesNotFit('llama3:8b', plan, 5.5 * gibibyte)).toBe(
      'llama3:8b needs 5.6 GiB of memory with a context of 4096 tokens, and 5.5 GiB can be had: a smaller context, a smaller model or more memory is needed',
    );
  });
});

test.each([
  [1e6, 16, 1],
  [5e9, 1, 1],
  [5e9, 2, 1],
  [5e9, 8, 7],
  [5e9, 128, 16],
])('%d bytes of weights on %i cores: %i threads', (bytes, cores, threads) => {
  expect(chooseThreads(bytes, cores)).toBe(threads);
});
