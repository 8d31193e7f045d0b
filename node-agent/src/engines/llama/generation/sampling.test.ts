import { describe, expect, test } from 'vitest';
import { planSampling, refuseUnable } from './sampling.ts';

const ollama = { temperature: 0.8, topP: 0.9 };
const plan = (sampling: Parameters<typeof planSampling>[0]) => planSampling(sampling, ollama, () => 7);

test('what nobody said is as Ollama has it', () => {
  expect(plan({})).toEqual({
    temperature: 0.8,
    topK: 40,
    topP: 0.9,
    minP: 0,
    typicalP: 1,
    seed: 7,
    repeatPenalty: 1,
    frequencyPenalty: 0,
    presencePenalty: 0,
    repeatLastN: 64,
    maxTokens: undefined,
    stop: [],
    logitBias: new Map(),
    numKeep: 4,
  });
});

test('what was said counts', () => {
  const said = { temperature: 0, topK: 0, topP: 0.5, minP: 0.1, typicalP: 0.7, seed: 3, maxTokens: 9, stop: ['x'] };
  expect(plan({ ...said, options: { num_keep: 2, num_thread: 4, unknown: 1, mirostat: 0 } })).toMatchObject({
    ...said,
    numKeep: 2,
  });
  expect(plan({ seed: -1 }).seed).toBe(7);
  expect(plan({ logitBias: { '12': -100 } }).logitBias).toEqual(new Map([[12, -100]]));
});

test.each([
  [{ n: 2 }, 'unsupported', 'n'],
  [{ options: { mirostat: 2 } }, 'unsupported', 'mirostat'],
  [{ topP: -1 }, 'bad-request', 'top_p'],
  [{ minP: 2 }, 'bad-request', 'min_p'],
  [{ logitBias: { word: 1 } }, 'bad-request', 'logit_bias'],
  [{ logitBias: { '1': 101 } }, 'bad-request', 'logit_bias'],
])('%j is refused as %s', (sampling, code, param) => {
  expect(() => plan(sampling)).toThrow(expect.objectContaining({ code, details: { param } }));
});

describe('what the engine cannot do is refused', () => {
  const text = { kind: 'generate', model: 'm', stream: true, sampling: {}, prompt: 'p' } as const;
  test.each([
    [{ ...text, images: [{ base64: 'AA==' }] }, 'images'],
    [{ ...text, template: '{{ .Prompt }}' }, 'template'],
    [{ ...text, echo: true, logprobs: true }, 'echo'],
  ])('%j', (request, param) => {
    expect(() => refuseUnable(request)).toThrow(expect.objectContaining({ code: 'unsupported', details: { param } }));
  });
});
