import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClientLoad, type LoadRequest, tally, troubles } from '../src/cluster/client-load.ts';
import { ProcessCluster, until } from '../src/cluster/process-cluster.ts';
import { ollamaEnv, RealOllama } from './engines/real-ollama.ts';
import { findRealEngines } from './real-engines.ts';
import { voiceText } from './spoken-texts.ts';
import { callWire } from './wire-call.ts';

const { secondOllama, toolsFolder } = findRealEngines();
const messages = [{ role: 'user', content: 'Hello there' }];

/** Every form of request in turn. */
function ask(index: number): LoadRequest {
  const stream = index % 2 === 0;
  if (index % 4 < 2) {
    const dialect = stream ? 'ollama-stream' : 'ollama-whole';
    return { path: '/api/chat', dialect, body: { model: 'voice', messages, stream }, text: voiceText };
  }
  const dialect = stream ? 'openai-stream' : 'openai-whole';
  return { path: '/v1/chat/completions', dialect, body: { model: 'voice', messages, stream }, text: voiceText };
}

describe.skipIf(secondOllama === undefined || toolsFolder === undefined)('two machines with a real Ollama', () => {
  let doomed: RealOllama;
  let cluster: ProcessCluster;

  beforeAll(async () => {
    doomed = await RealOllama.start(String(toolsFolder));
    cluster = await ProcessCluster.start({
      agents: [
        { name: 'doomed', engineUrl: doomed.url, env: ollamaEnv },
        { name: 'sturdy', engineUrl: String(secondOllama), env: ollamaEnv },
      ],
    });
  });
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    await doomed?.[Symbol.asyncDispose]();
  });

  it('lose none that could go to the other when an Ollama dies under load', async () => {
    // Cold models would leave one machine to itself: answering takes less time than a load.
    for (const url of [doomed.url, String(secondOllama)]) {
      await callWire(url, { name: '', method: 'POST', path: '/api/generate', body: { model: 'voice' } });
    }
    await until(async () => {
      const { models } = await cluster.get<{ models: { name: string }[] }>('/api/ps');
      return models.filter(({ name }) => name === 'voice:latest').length === 2;
    });
    const load = new ClientLoad(cluster.url, 8, ask);
    await load.more(60);
    const before = new Set(load.outcomes.map(({ node }) => node));
    await doomed.killNow();
    await load.more(60);
    const outcomes = await load.stop();
    console.log('clients saw', tally(outcomes));
    expect([...before].toSorted()).toEqual(['doomed', 'sturdy']);
    // One that had begun ends in one error of its dialect; every other is answered by the other machine.
    expect(troubles(outcomes).filter((trouble) => !trouble.startsWith('error-event'))).toEqual([]);
    expect(tally(outcomes)['error-event'] ?? 0).toBeLessThanOrEqual(4);
    await until(async () => (await cluster.node('doomed'))?.engines.every(({ health }) => health !== 'up') === true);
  });
});
