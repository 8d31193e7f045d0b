import { describe, expect, test } from 'vitest';
import { type OllamaFacts, toModelReports, toShownModel } from './models.ts';

const tag = { name: 'a:latest', digest: 'd1', size: 10, details: { family: 'llama', parameter_size: '1B' } };
const resident = {
  name: 'a:latest',
  digest: 'd1',
  size: 20,
  size_vram: 5,
  context_length: 2048,
  expires_at: '2026-01-01T00:05:00Z',
};
const at = Date.parse('2026-01-01T00:00:00Z');

function report(more: Partial<OllamaFacts>) {
  const facts: OllamaFacts = {
    tags: [tag],
    resident: [],
    shown: new Map(),
    loading: new Set(),
    inUse: new Set(),
    engineTime: at,
    parallel: 1,
    defaultNumCtx: 4096,
    ...more,
  };
  return toModelReports(facts);
}

describe('toModelReports', () => {
  test('a cold model has the context it would be loaded with', () => {
    expect(report({})[0]).toMatchObject({ name: 'a:latest', state: 'cold', numCtx: 4096 });
    expect(report({ shown: new Map([['d1', { numCtx: 8192 }]]) })[0]).toMatchObject({ numCtx: 8192 });
    expect(report({ shown: new Map([['d1', { numCtx: 8192, contextLength: 2048 }]]) })[0]).toMatchObject({
      numCtx: 2048,
      contextLength: 2048,
    });
  });

  test('a resident one has the context it was loaded with', () => {
    expect(report({ resident: [resident] })[0]).toMatchObject({
      state: 'hot',
      numCtx: 2048,
      resident: { sizeBytes: 20, vramBytes: 5, expiresAt: resident.expires_at },
      psJson: JSON.stringify(resident),
    });
  });

  test('another name of the same content is resident with it', () => {
    const [, copy] = report({ tags: [tag, { ...tag, name: 'b:latest' }], resident: [resident] });
    expect(copy).toMatchObject({ name: 'b:latest', state: 'hot', psJson: undefined });
  });

  test('one whose time is over is on its way out', () => {
    expect(report({ resident: [resident], engineTime: at + 301_000 })[0]?.state).toBe('cold');
  });

  test('while it answers, by whichever of its names, the time set before does not count', () => {
    const copies = { tags: [tag, { ...tag, name: 'b:latest' }, { ...tag, name: 'c:latest', digest: 'd2' }] };
    const over = { ...copies, resident: [resident], engineTime: at + 301_000 };
    const states = (name: string) => report({ ...over, inUse: new Set([name]) }).map((model) => model.state);
    expect(states('a:latest')).toEqual(['hot', 'hot', 'cold']);
    expect(states('b:latest')).toEqual(['hot', 'hot', 'cold']);
    expect(states('c:latest')).toEqual(['cold', 'cold', 'cold']);
  });

  test('one that is being loaded says so until it is resident', () => {
    expect(report({ loading: new Set(['a:latest']) })[0]?.state).toBe('loading');
    expect(report({ loading: new Set(['a:latest']), resident: [resident] })[0]?.state).toBe('hot');
  });

  test('what an old version does not tell is left out', () => {
    expect(report({ tags: [{ name: 'x' }, { size: 3 }] })).toEqual([
      expect.objectContaining({
        name: 'x',
        digest: '',
        sizeBytes: 0,
        capabilities: undefined,
        contextLength: undefined,
      }),
    ]);
  });
});

test('a shown model', () => {
  const shown = toShownModel({
    capabilities: ['completion', 'tools', 'telepathy'],
    model_info: { 'general.architecture': 'llama', 'llama.context_length': 131072 },
    parameters: 'stop    "<x>"\nnum_ctx                        16384\nnum_thread 1',
  });
  expect(shown).toEqual({ capabilities: ['completion', 'tools'], contextLength: 131072, numCtx: 16384 });
  expect(toShownModel({})).toEqual({});
});
