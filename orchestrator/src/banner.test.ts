import type { ModelReport } from '@waggle/shared/cluster/model.ts';
import type { EngineReport } from '@waggle/shared/cluster/node.ts';
import { expect, test } from 'vitest';
import { toEngineLines } from './banner.ts';
import { FakeCluster } from './testing/fake-cluster.ts';
import { toEngineReport, toModelReport } from './testing/reports.ts';

test('an engine that is down is shown with what is wrong, and no advice to start another', () => {
  const cluster = new FakeCluster();
  const node = cluster.join('desk');
  node.report([{}], { engines: [toEngineReport({ health: 'down', problem: 'connection refused' })] });
  const lines = toEngineLines(cluster.registry.nodes, [], true);
  expect(lines).toMatch(/engine {6}desk: .* is down: connection refused/);
  expect(lines).not.toContain('none yet');
});

test('without any engine it says what to do, unless those of this machine are left alone', () => {
  expect(toEngineLines([], [], true)).toContain('LLAMA_BASE_URL');
  expect(toEngineLines([], [], false)).not.toContain('LLAMA_BASE_URL');
});

test('the built-in engine is named where it has a model, or nobody else is there', () => {
  const cluster = new FakeCluster();
  const node = cluster.join('desk', { lanes: 0 });
  const ollama = toEngineReport({});
  const builtin = (models: readonly ModelReport[]) =>
    toEngineReport({ engineId: 'builtin', kind: 'builtin', url: 'builtin://localhost/models', models });
  const show = (...engines: readonly EngineReport[]) => {
    node.report([{}], { engines });
    return toEngineLines(cluster.registry.nodes, [], true).trimEnd().split('\n');
  };
  expect(show(builtin([]))).toEqual([expect.stringMatching(/desk: built-in: no models yet; get one with/)]);
  expect(show(ollama, builtin([]))).toEqual([expect.stringMatching(/desk: ollama/)]);
  const both = show(ollama, builtin([toModelReport({ name: 'mine:latest', state: 'cold' })]));
  expect(both).toContainEqual(expect.stringMatching(/desk: built-in: mine:latest$/));
  expect(both).toHaveLength(2);
});
