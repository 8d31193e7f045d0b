import { describe, expect, test } from 'vitest';
import { bodyShapes, bodyTexts, loadRecordings, missingParts, readRecorded, replay } from '../recordings.ts';
import { startOpenAiEngine } from './start-openai-engine.ts';

describe('llama-server', () => {
  /** Lists of settings nobody reads. */
  const ignored = ['params', 'ui', 'ui_settings', 'cors_proxy_enabled', 'media_marker', 'chat_template_caps'];
  // Of these only the names in use are scripted.
  const partial = new Set(['props', 'metrics']);
  const recordings = loadRecordings('llama-server');
  const start = () =>
    startOpenAiEngine({ flavour: 'llama-server', models: [{ name: 'scripted', contextLength: 8192 }], slots: 2 });

  test.each(recordings.filter(({ name }) => !partial.has(name)))(
    '$name has the form of the recording',
    async (recording) => {
      await using engine = await start();
      const recorded = readRecorded('llama-server', recording);
      const answer = await replay(engine.url, recording);
      expect(answer.status).toBe(recorded.status);
      expect(answer.headers['content-type']).toBe(recorded.headers['content-type']);
      expect(answer.headers.server).toBe(recorded.headers.server);
      expect(bodyShapes(answer, ignored)).toEqual(bodyShapes(recorded, ignored));
      expect(answer.body.endsWith('\n')).toBe(recorded.body.endsWith('\n'));
      if (recorded.status >= 400) expect(answer.body).toBe(recorded.body);
    },
  );

  test('props has the keys an agent reads', async () => {
    await using engine = await start();
    const [recording] = recordings.filter(({ name }) => name === 'props');
    if (recording === undefined) throw new Error('the recording is missing');
    const props: unknown = JSON.parse((await replay(engine.url, recording)).body);
    const recorded: unknown = JSON.parse(readRecorded('llama-server', recording).body);
    const unread = /\.(params|ui|ui_settings|cors_proxy_enabled|media_marker|chat_template_caps)\b/;
    expect(missingParts(props, recorded).filter((path) => !unread.test(path))).toEqual([]);
    expect(props).toMatchObject({ total_slots: 2, model_alias: 'scripted' });
  });

  test('its metrics have recorded names', async () => {
    await using engine = await start();
    const [recording] = recordings.filter(({ name }) => name === 'metrics');
    if (recording === undefined) throw new Error('the recording is missing');
    const recorded = metricNames(readRecorded('llama-server', recording).body);
    const names = metricNames((await replay(engine.url, recording)).body);
    expect(names).toContain('llamacpp:requests_processing');
    expect(names.filter((name) => !recorded.includes(name))).toEqual([]);
  });
});

describe('vllm', () => {
  const models = [
    { name: 'fake-model', numCtx: 2048, toolCall: { name: 'get_weather', arguments: { city: 'Boston' } } },
    { name: 'alias-model' },
    { name: 'embedder', embeddingLength: 4 },
  ];
  // The look-alike embeds with any model, orders its fields differently and leaves null ones out.
  const recordings = loadRecordings('vllm-sim').filter(({ name }) => !/^(embeddings|metrics|health)/.test(name));

  test.each(recordings)('$name has everything the recording has', async (recording) => {
    await using engine = await startOpenAiEngine({ models });
    const recorded = readRecorded('vllm-sim', recording);
    const answer = await replay(engine.url, recording);
    expect(answer.status).toBe(recorded.status);
    const [mine, theirs] = [bodyTexts(answer), bodyTexts(recorded)];
    const pairs = [0, 1, -1].map((at) => [mine.at(at), theirs.at(at)] as const);
    // The look-alike says `"usage":null` in every chunk.
    const missing = pairs.flatMap(([ours, wanted]) => missingParts(ours, wanted)).filter((path) => path !== '.usage');
    expect(missing.filter((path) => !isUnlike(path))).toEqual([]);
    if (recording.name === 'chat-too-long')
      expect(answer.body).toContain("This model's maximum context length is 2048 tokens.");
  });

  test.each(['embeddings', 'embeddings-base64'])('%s has everything the recording has', async (name) => {
    const recording = loadRecordings('vllm-sim').find((entry) => entry.name === name);
    if (recording === undefined) throw new Error('the recording is missing');
    await using engine = await startOpenAiEngine({ models });
    const answer = await replay(engine.url, {
      ...recording,
      body: { ...(recording.body as object), model: 'embedder' },
    });
    expect(bodyShapes(answer)).toEqual(bodyShapes(readRecorded('vllm-sim', recording)));
  });

  test('its metrics have the names of vLLM', async () => {
    await using engine = await startOpenAiEngine({ models });
    const response = await fetch(`${engine.url}/metrics`);
    const names = metricNames(await response.text());
    for (const name of ['num_requests_running', 'num_requests_waiting', 'kv_cache_usage_perc', 'prompt_tokens_total']) {
      expect(names).toContain(`vllm:${name}`);
    }
  });

  /** Ways of the look-alike alone: the whole head of a call in each of its deltas, an index in whole calls. */
  function isUnlike(path: string): boolean {
    return /^\.choices\[\]\.(delta\.tool_calls|message\.tool_calls\[\]\.index)/.test(path);
  }
});

function metricNames(text: string): readonly string[] {
  return [...new Set([...text.matchAll(/^([a-z]+:[a-z_]+)/gm)].map(([, name]) => name ?? ''))];
}
