import { expect, test } from 'vitest';
import { toEngineLines } from './banner.ts';
import { FakeCluster } from './testing/fake-cluster.ts';
import { toEngineReport } from './testing/reports.ts';

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
