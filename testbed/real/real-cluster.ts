import { type AgentOptions, ProcessCluster } from '../src/cluster/process-cluster.ts';
import { ollamaEnv } from './engines/real-ollama.ts';
import { findRealEngines } from './real-engines.ts';
import { callWire } from './wire-call.ts';

/** Real engines are no part of the project: where nobody has put them beside it, there is nothing to compare with. */
export function hasRealEngines(): boolean {
  const { ollama, llamaServer } = findRealEngines();
  return ollama !== undefined && llamaServer !== undefined;
}

/** Waggle in front of a real Ollama (node `desk`) and a real llama-server (node `server`). */
export function startRealCluster(more: readonly AgentOptions[] = []): Promise<ProcessCluster> {
  const { ollama, llamaServer } = findRealEngines();
  return ProcessCluster.start({
    agents: [
      { name: 'desk', engineUrl: String(ollama), env: ollamaEnv },
      { name: 'server', engineUrl: String(llamaServer) },
      ...more,
    ],
  });
}

/**
 * Status of a short answer asked of the real Ollama itself. It runs one request of a model at a time, so it answers only when it no longer
 * works for a client that left.
 */
export async function askEndlessDirectly(): Promise<number> {
  const body = {
    model: 'endless',
    messages: [{ role: 'user', content: 'Hello there' }],
    stream: false,
    options: { num_predict: 1 },
  };
  const { ollama } = findRealEngines();
  return (await callWire(String(ollama), { name: '', method: 'POST', path: '/api/chat', body })).status;
}
