import { expect, test } from 'vitest';
import { compileFake, refusalsOf } from './fake-inputs.ts';

test('an alias stands for one model or several in order', () => {
  const { aliases } = compileFake({ file: 'models: { smart: big, fast: ["qwen3:4b", "llama3.2@desk"] }' });
  expect(aliases).toEqual({ smart: ['big'], fast: ['qwen3:4b', 'llama3.2@desk'] });
});

test('an alias in a list is followed by its own models, each model once', () => {
  const { aliases } = compileFake({ file: 'models: { any: [fast, c, a], fast: [a, tiny], tiny: "b:latest" }' });
  expect(aliases['any']).toEqual(['fast', 'a', 'tiny', 'b:latest', 'c']);
  expect(aliases['fast']).toEqual(['a', 'tiny', 'b:latest']);
});

test.each([
  ['{ a: a }', ['models.a leads back to itself (a → a)']],
  ['{ a: ["A:latest"] }', ['models.a leads back to itself (a → a)']],
  ['{ a: b, b: [x, a] }', ['models.a leads back to itself (a → b → a)', 'models.b leads back to itself (b → a → b)']],
  ['{ "a@b": x }', ['"a@b" cannot be an alias']],
  ['{ "a b": x }', ['"a b" cannot be an alias']],
  ['{ a: x, "A:latest": y }', ['models.A:latest is the same name as models.a']],
  ['{ a: [] }', ['models.a must be a model name, a list of model names, or a mapping of settings, not a list']],
  ['{ a: [1] }', ['models.a must be a model name, a list of model names, or a mapping of settings, not a list']],
  ['{ a: "x y" }', ['models.a must be a model name, a list of model names, or a mapping of settings, not "x y"']],
  ['[a]', ['models must be a mapping from names to model names or settings, 1,000 at most, not a list']],
])('%s is refused', (models, problems) => {
  expect(refusalsOf({ file: `models: ${models}` })).toEqual(problems.map((problem) => `config.yaml:1: ${problem}.`));
});

test('a very long chain of aliases is followed only so far', () => {
  const chain = Array.from({ length: 999 }, (_, index) => `a${index}: a${index + 1}`);
  expect(compileFake({ file: `models: { ${chain.join(', ')} }` }).aliases['a0']).toHaveLength(999);
});

test('an alias stands for 1,000 models at most', () => {
  const models = (alias: number) => Array.from({ length: 99 }, (_, index) => `m${alias}-${index}`);
  const chain = Array.from(
    { length: 20 },
    (_, alias) => `a${alias}: [${[`a${alias + 1}`, ...models(alias)].join(', ')}]`,
  );
  expect(compileFake({ file: `models: { ${chain.join(', ')} }` }).aliases['a0']).toHaveLength(1_000);
});
