import { expect, test } from 'vitest';
import { askOnce } from '../src/cluster/client-load.ts';
import { ProcessCluster, until } from '../src/cluster/process-cluster.ts';
import { startOllamaEngine } from '../src/engines/ollama/start-ollama-engine.ts';
import { askWords } from './asked-words.ts';

const count = 4;

test('both programs go on, and end in order, when nobody reads what they print', async () => {
  await using engine = await startOllamaEngine({ models: [{ name: 'words', answer: { kind: 'words', count } }] });
  await using cluster = await ProcessCluster.start({ agents: [{ name: 'desk', engineUrl: engine.url }] });
  const desk = cluster.agent('desk');
  for (const program of [cluster.orchestrator, desk]) program.closeOutput();
  // Both have something to say about an engine that goes and comes.
  await engine.control.refuse('drop');
  await until(async () => (await cluster.node('desk'))?.engines[0]?.health === 'down');
  await engine.control.heal();
  await cluster.serving('desk');
  expect(await askOnce(cluster.url, askWords('words', count)(0))).toMatchObject({ kind: 'complete' });
  for (const program of [desk, cluster.orchestrator]) {
    program.signal('SIGTERM');
    expect(await program.exited()).toBe(0);
  }
});
