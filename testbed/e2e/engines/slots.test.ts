import { createEngine, type EngineSettings } from '@waggle/node-agent/engines/create-engine.ts';
import { systemClock } from '@waggle/shared/observing/clock.ts';
import { expect, test } from 'vitest';
import { startOllamaEngine } from '../../src/engines/ollama/start-ollama-engine.ts';
import { type OpenAiEngineOptions, startOpenAiEngine } from '../../src/engines/openai/start-openai-engine.ts';

const models = [{ name: 'm' }];

/** Jobs at once of the engine, and of its model. */
async function survey(dialect: 'ollama' | 'openai', url: string, settings: EngineSettings) {
  const engine = createEngine({ engineId: 'e1', dialect, url, settings, clock: systemClock });
  const { slots, models: found } = await engine.probe.survey(AbortSignal.timeout(5_000));
  await engine.close();
  return [slots, found[0]?.parallel];
}

test.each<[EngineSettings, number, number]>([
  [{}, 3, 1],
  [{ numParallel: 2 }, 6, 2],
  [{ numParallel: 2, maxLoadedModels: 2 }, 4, 2],
  [{ maxLoadedModels: 1 }, 1, 1],
  [{ slots: 1 }, 1, 1],
  [{ slots: 2 }, 2, 2],
  // What is known of a model is not changed by what the node may do.
  [{ slots: 2, numParallel: 4 }, 2, 4],
])('an Ollama of which %j is known takes %d jobs, %d of one model', async (settings, slots, parallel) => {
  await using server = await startOllamaEngine({ models });
  expect(await survey('ollama', server.url, settings)).toEqual([slots, parallel]);
});

test.each<[OpenAiEngineOptions['flavour'], EngineSettings, number]>([
  ['vllm', {}, 32],
  ['vllm', { slots: 5 }, 5],
  ['lm-studio', {}, 1],
  ['lm-studio', { slots: 3 }, 3],
  // It tells its own.
  ['llama-server', {}, 2],
  ['llama-server', { slots: 1 }, 1],
  ['llama-server', { slots: 9 }, 2],
])('%s with %j takes %d jobs', async (flavour, settings, slots) => {
  await using server = await startOpenAiEngine({ models, flavour, slots: 2 });
  expect(await survey('openai', `${server.url}/v1`, settings)).toEqual([slots, slots]);
});
