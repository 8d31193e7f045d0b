import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isModelName, nearestNames, splitNodeSuffix, toModelKey } from './model-names.ts';

describe('toModelKey', () => {
  it.each([
    ['llama3.2', 'llama3.2:latest'],
    ['Llama3.2:Latest', 'llama3.2:latest'],
    ['qwen3:4b', 'qwen3:4b'],
    ['registry.example:5000/team/model', 'registry.example:5000/team/model:latest'],
    ['hf.co/org/repo:Q4_K_M', 'hf.co/org/repo:q4_k_m'],
    [' llama3.2\n', 'llama3.2:latest'],
    ['library/llama3.2', 'llama3.2:latest'],
    ['Registry.Ollama.ai/Library/llama3.2:1b', 'llama3.2:1b'],
    ['https://registry.ollama.ai/library/llama3.2', 'llama3.2:latest'],
    ['registry.ollama.ai/team/model', 'team/model:latest'],
    ['library/library/llama3.2', 'library/library/llama3.2:latest'],
    ['ollama.com/library/llama3.2', 'ollama.com/library/llama3.2:latest'],
    ['library/', 'library/:latest'],
    ['Some Org/A Model.gguf', 'some org/a model.gguf:latest'],
  ])('%s is %s', (name, key) => {
    expect(toModelKey(name)).toBe(key);
  });
});

describe('isModelName', () => {
  it.each([
    'llama3.2',
    ' voice\t',
    '_voice',
    'voice:LATEST',
    'hf.co/x/y',
    'hf.co/org/Repo-GGUF:Q4_K_M',
    'localhost:5000/a/b',
    'http://registry.example/a/b',
    'a-/voice',
    'org/Model-Name.gguf',
    'x'.repeat(80),
    `voice:${'x'.repeat(80)}`,
  ])('%j', (name) => {
    expect(isModelName(name)).toBe(true);
  });

  it.each([
    '',
    ' ',
    'voice:',
    ':latest',
    'voice: latest',
    'a/b/c/d',
    'a//b',
    '/voice',
    'voice/',
    '../voice',
    '-voice',
    '.voice',
    'voice:-x',
    'vöice',
    'a b',
    'voice\\x',
    'voi\0ce',
    'voice@desk',
    'voice:a:b',
    'x.y/z',
    'a:5000/voice',
    'h:80/n/m:t/x',
    'a/vo+ice',
    'registry.ollama.ai/voice',
    'x'.repeat(81),
    `voice:${'x'.repeat(81)}`,
    'x'.repeat(10_000_000),
  ])('not %j', (name) => {
    expect(isModelName(name)).toBe(false);
  });
});

describe('splitNodeSuffix', () => {
  it.each([
    ['llama3.2@desk', { model: 'llama3.2', node: 'desk' }],
    ['a@b@desk', { model: 'a@b', node: 'desk' }],
    ['llama3.2', undefined],
    ['@desk', undefined],
    ['llama3.2@', undefined],
  ])('%s', (name, parts) => {
    expect(splitNodeSuffix(name)).toEqual(parts);
  });
});

describe('nearestNames', () => {
  const known = ['llama3.2:latest', 'llama3.1:8b', 'qwen3:4b', 'nomic-embed-text:latest'];

  it.each([
    ['lama3.2', 'llama3.2:latest'],
    ['llama3.1', 'llama3.1:8b'],
    ['qwen3', 'qwen3:4b'],
    ['nomic-embed-txt', 'nomic-embed-text:latest'],
  ])('%s is nearest to %s', (wanted, nearest) => {
    expect(nearestNames(wanted, known)[0]).toBe(nearest);
  });

  it('names nothing that shares nothing', () => {
    expect(nearestNames('xyzzyxyzzy', known)).toEqual([]);
  });

  it('gives no more than asked, and a known name for whatever is typed', () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.string()), (wanted, names) => {
        const nearest = nearestNames(wanted, names, 2);
        expect(nearest.length).toBeLessThanOrEqual(2);
        expect(nearest.every((name) => names.includes(name))).toBe(true);
      }),
    );
  });

  it('is not slowed by names of any length', () => {
    expect(nearestNames('a'.repeat(100_000), ['b'.repeat(100_000)])).toEqual([]);
  });
});
