import { describe, expect, test } from 'vitest';
import { compileFake, refusalsOf } from './fake-inputs.ts';

describe('settings of a model', () => {
  test('are in units of the program', () => {
    const file = 'models: { "qwen3:4b": { keepAlive: 1h, preload: true, nodes: [desk], timeout: 2m, numCtx: 8192 } }';
    const { models, aliases } = compileFake({ file });
    expect(aliases).toEqual({});
    expect(models).toEqual({
      'qwen3:4b': { keepAliveMs: 3_600_000, preload: 1, nodes: ['desk'], timeoutMs: 120_000, numCtx: 8_192 },
    });
  });

  test.each([
    ['keepAlive: forever', { keepAliveMs: Number.POSITIVE_INFINITY }],
    ['keepAlive: -1', { keepAliveMs: Number.POSITIVE_INFINITY }],
    ['keepAlive: 90', { keepAliveMs: 90_000 }],
    ['preload: 3', { preload: 3 }],
    ['preload: false', { preload: 0 }],
    ['nodes: "a, b"', { nodes: ['a', 'b'] }],
    ['numCtx: 4096', { preload: 0, keepAliveMs: undefined, nodes: undefined, timeoutMs: undefined }],
  ])('%s', (setting, compiled) => {
    expect(compileFake({ file: `models: { m: { ${setting} } }` }).models['m']).toMatchObject(compiled);
  });

  test('an alias may have a timeout', () => {
    const { models, aliases } = compileFake({ file: 'models: { fast: { use: [a, smart], timeout: 5 }, smart: b }' });
    expect(aliases).toEqual({ fast: ['a', 'smart', 'b'], smart: ['b'] });
    expect(models['fast']?.timeoutMs).toBe(5_000);
    expect(Object.keys(models)).toEqual(['fast']);
  });

  test.each([
    [
      '{ m: { keepAlive: soon } }',
      'models.m.keepAlive must be a time up to 365d, written as 30 (seconds), 10m or 1h, or forever, not "soon"',
    ],
    ['{ m: { preload: 1.5 } }', 'models.m.preload must be true, false or a number of nodes from 0 to 1000, not 1.5'],
    ['{ m: { numCtx: 0 } }', 'models.m.numCtx must be a whole number from 1 to 100000000, not 0'],
    ['{ m: { keepalive: 1h } }', '"models.m.keepalive" is not a known key; did you mean "models.m.keepAlive"?'],
    ['{ m: { use: [] } }', 'models.m.use must be a model name or a list of model names, not a list'],
    ['{ m: {} }', 'models.m says nothing'],
    ['{ m: { use: a, numCtx: 1 } }', 'models.m.numCtx goes with a model, and models.m is an alias'],
    ['{ "m@desk": { numCtx: 1 } }', '"m@desk" cannot be the name of a model'],
    ['{ m: a, "m:latest": { numCtx: 1 } }', 'models.m:latest is the same name as models.m'],
  ])('%s is refused', (models, problem) => {
    expect(refusalsOf({ file: `models: ${models}` })).toEqual([
      `config.yaml:1: ${problem}${problem.endsWith('?') ? '' : '.'}`,
    ]);
  });

  test('what is wrong with them is told with its line', () => {
    const file = 'models:\n  qwen3:4b:\n    numCtx: 1\n    timeout: never\n    nodez: [a]\n';
    expect(refusalsOf({ file })).toEqual([
      expect.stringMatching(/^config.yaml:4: models.qwen3:4b.timeout must be a time/),
      expect.stringMatching(/^config.yaml:5: "models.qwen3:4b.nodez" is not a known key/),
    ]);
  });
});
