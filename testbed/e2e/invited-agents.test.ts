import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { freePort } from '../src/cluster/free-port.ts';
import { ProcessCluster, until } from '../src/cluster/process-cluster.ts';
import { WaggleProcess } from '../src/cluster/waggle-process.ts';
import { startOllamaEngine } from '../src/engines/ollama/start-ollama-engine.ts';
import { postChat } from './post-chat.ts';

test('an agent that waits is invited at its port, and has the name and the labels it has in the configuration', async () => {
  const port = await freePort();
  const folder = await mkdtemp(path.join(tmpdir(), 'waggle-invited-'));
  await using engine = await startOllamaEngine({ models: [{ name: 'm' }] });
  await using cluster = await ProcessCluster.start({
    agents: [],
    config: `nodes:\n  - { name: NODE_1, host: 127.0.0.1, port: ${port}, type: gpu, capabilities: [cuda, avx512] }\n`,
  });
  await using agent = new WaggleProcess({
    main: 'node-agent/src/main.ts',
    args: ['--port', String(port), '--data', folder],
    env: { LLAMA_BASE_URL: engine.url },
  });
  agent.start();
  await cluster.serving('NODE_1');
  expect(await cluster.node('NODE_1')).toMatchObject({ labels: { type: 'gpu', capabilities: 'cuda,avx512' } });
  const answer = await postChat(cluster.url, { model: 'm' });
  expect([answer.status, answer.headers['x-waggle-node']]).toEqual([200, 'NODE_1']);
  // Its own lines of the log, too.
  await until(async () => /"event":"cluster-joined","node":"NODE_1","nodeTime"/.test(cluster.orchestrator.output));
  await rm(folder, { recursive: true, force: true });
});
