import type { Capability } from '@waggle/shared/cluster/model.ts';
import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../testing/fake-cluster.ts';
import { canThink } from './can-think.ts';

function setUp(aliases: Record<string, readonly string[]> = {}) {
  const cluster = new FakeCluster();
  const { registry, settings } = cluster;
  const join = (node: string, ...capabilities: readonly Capability[]) =>
    cluster.join(node, { models: [{ name: 'qwen3:latest', capabilities }] });
  const asks = (model: string) => canThink(model, { registry, settings, aliases: new Map(Object.entries(aliases)) });
  return { cluster, join, asks };
}

describe('canThink', () => {
  it.each<[string, readonly Capability[], boolean]>([
    ['not a model that only completes', ['completion'], false],
    ['one that thinks', ['completion', 'thinking'], true],
  ])('%s', (_, capabilities, expected) => {
    const { join, asks } = setUp();
    join('desk', ...capabilities);
    expect(asks('qwen3')).toBe(expected);
  });

  it('one of which nothing is known, and one that is not there: both are asked', () => {
    const { cluster, asks } = setUp();
    cluster.join('desk', { models: [{ name: 'qwen3:latest' }] });
    expect(asks('qwen3')).toBe(true);
    expect(asks('absent')).toBe(true);
  });

  it('where one of several nodes would', () => {
    const { join, asks } = setUp({ fast: ['qwen3'] });
    join('desk', 'completion');
    join('attic', 'completion', 'thinking');
    expect(asks('qwen3')).toBe(true);
    expect(asks('fast')).toBe(true);
  });

  it('counts only nodes that may get the request', () => {
    const { cluster, join, asks } = setUp({ fast: ['qwen3'] });
    join('desk', 'completion');
    join('attic', 'completion', 'thinking');
    expect(asks('qwen3@desk')).toBe(false);
    expect(asks('qwen3@attic')).toBe(true);
    cluster.want('qwen3', { nodes: ['desk'] });
    expect(asks('qwen3')).toBe(false);
    expect(asks('fast')).toBe(false);
    cluster.want('qwen3', { nodes: ['attic'] });
    expect(asks('qwen3')).toBe(true);
  });
});
