import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nearestNames, splitNodeSuffix, toModelKey } from './model-names.ts';

describe('toModelKey', () => {
  it.each([
    ['llama3.2', 'llama3.2:latest'],
    ['Llama3.2:Latest', 'llama3.2:latest'],
    ['qwen3:4b', 'qwen3:4b'],
    ['registry.example:5000/team/model', 'registry.example:5000/team/model:latest'],
    ['hf.co/org/repo:Q4_K_M', 'hf.co/org/repo:q4_k_m'],
  ])('%s is %s', (name, key) => {
    expect(toModelKey(name)).toBe(key);
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
