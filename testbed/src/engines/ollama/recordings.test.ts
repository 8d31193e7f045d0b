import { expect, test } from 'vitest';
import { askRaw, bodyShapes, loadRecordings, readRecorded, replay } from '../recordings.ts';
import type { ScriptedEngine } from '../scripted-engine.ts';
import type { ScriptedModel } from '../scripted-model.ts';
import { startOllamaEngine } from './start-ollama-engine.ts';

const models: readonly ScriptedModel[] = [
  { name: 'tiny', contextLength: 2048, numCtx: 1024 },
  { name: 'tiny-chat', contextLength: 2048, numCtx: 1024 },
  { name: 'tiny-tools', capabilities: ['completion', 'tools'] },
  { name: 'tiny-copy' },
  { name: 'emb', capabilities: ['embedding'], embeddingLength: 64 },
  { name: 'mid' },
];

const load = (engine: ScriptedEngine, keepAlive?: number) =>
  askRaw(engine.url, 'POST', '/api/generate', JSON.stringify({ model: 'tiny', keep_alive: keepAlive }));

/** What the recorded server had gone through before. */
const preparations: Readonly<Record<string, (engine: ScriptedEngine) => Promise<unknown>>> = {
  ps: (engine) => load(engine),
  'ps-keep-alive-forever': (engine) => load(engine, -1),
  'ps-after-unload': async (engine) => {
    await load(engine);
    await load(engine, 0);
  },
  'tags-empty': async (engine) => {
    for (const { name } of models) engine.control.removeModel(name);
    await Promise.resolve();
  },
  'generate-stream-runner-killed': async (engine) => {
    engine.control.inject({ kind: 'error-event', afterDeltas: 3 });
    await Promise.resolve();
  },
};

/** Texts that are the real server's alone: a network error, the keys of one architecture. */
const ownWords = new Set(['pull-no-network', 'pull-no-network-nostream']);
const ignoredKeys = ['model_info', 'tensors'];
/** Whether a long body is chunked depends on the length. */
const longBodies = new Set(['show', 'tags']);

const cases = ['0.34', '0.24'].flatMap((version) =>
  loadRecordings(`ollama-${version}`)
    .filter((recording) => recording.name !== 'generate-queue-full')
    .map((recording) => ({ title: `${version} ${recording.name}`, version, recording })),
);

test.each(cases)('$title has the form of the recording', async ({ version, recording }) => {
  await using engine = await startOllamaEngine({ models, version: version === '0.34' ? '0.34.2' : '0.24.0' });
  await preparations[recording.name]?.(engine);
  const recorded = readRecorded(`ollama-${version}`, recording);
  const answer = await replay(engine.url, recording);
  expect(answer.status).toBe(recorded.status);
  expect(answer.headers['content-type']).toBe(recorded.headers['content-type']);
  if (!longBodies.has(recording.name)) expect(answer.headerNames).toEqual(recorded.headerNames);
  expect(bodyShapes(answer, ignoredKeys)).toEqual(bodyShapes(recorded, ignoredKeys));
  expect(answer.body.endsWith('\n')).toBe(recorded.body.endsWith('\n'));
  const sameWords = recorded.status >= 400 && !ownWords.has(recording.name);
  if (sameWords) expect(answer.body).toBe(recorded.body);
});

test('a full queue is refused in the recorded words', async () => {
  const recording = loadRecordings('ollama-0.24').find(({ name }) => name === 'generate-queue-full');
  if (recording === undefined) throw new Error('the recording is missing');
  await using engine = await startOllamaEngine({ models: [{ name: 'big', loadMs: 60_000 }], maxQueue: 0 });
  const first = replay(engine.url, recording).catch(() => 'cut');
  await engine.requests.until(() => engine.core.residency.waiting === 1);
  const answer = await replay(engine.url, recording);
  const recorded = readRecorded('ollama-0.24', recording);
  expect(answer.status).toBe(503);
  expect(answer.body).toBe(recorded.body);
  await engine.control.refuse('drop');
  expect(await first).toBe('cut');
});
