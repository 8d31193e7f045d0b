import { expect, test } from 'vitest';
import { ProcessCluster, until } from '../src/cluster/process-cluster.ts';
import { startOllamaEngine } from '../src/engines/ollama/start-ollama-engine.ts';

/** Lines of a program's log that are one JSON object each. */
function linesOf(output: string): readonly Record<string, unknown>[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("an agent's log is in the orchestrator's, too, with its name and its time", async () => {
  await using engine = await startOllamaEngine({ models: [{ name: 'm' }] });
  await using cluster = await ProcessCluster.start({ agents: [{ name: 'desk', engineUrl: engine.url }] });
  const linesOfDesk = () =>
    linesOf(cluster.orchestrator.output).filter(({ node, nodeTime }) => node === 'desk' && nodeTime);
  await until(async () => linesOfDesk().some(({ event }) => event === 'engine-up'));
  const own = linesOf(cluster.agent('desk').output).find(({ event }) => event === 'engine-up');
  const there = linesOfDesk().find(({ event }) => event === 'engine-up');
  expect(there).toMatchObject({ level: 'info', node: 'desk', nodeTime: own?.['timestamp'] });
  await engine[Symbol.asyncDispose]();
  await until(async () => linesOfDesk().some(({ event, level }) => event === 'engine-down' && level === 'warn'));
});
