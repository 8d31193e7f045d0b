import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collect } from '../src/cluster/collect.ts';
import type { ProcessCluster } from '../src/cluster/process-cluster.ts';
import { askEndlessDirectly, hasRealEngines, startRealCluster } from './real-cluster.ts';
import { reportText, resultText, thoughtText, voiceText } from './spoken-texts.ts';

const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'Hello there' }];
const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const thermometer: Anthropic.Tool = {
  name: 'get_temperature',
  description: 'Temperature of a city',
  input_schema: { type: 'object', properties: { city: { type: 'string', description: 'Its name' } } },
};

let cluster: ProcessCluster;
let anthropic: Anthropic;

beforeAll(async () => {
  if (!hasRealEngines()) return;
  cluster = await startRealCluster();
  anthropic = new Anthropic({ baseURL: cluster.url, apiKey: 'any', maxRetries: 0 });
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

describe.skipIf(!hasRealEngines()).each([
  { engine: 'Ollama', model: 'voice', tellsStop: false },
  { engine: 'llama-server', model: 'llama-voice', tellsStop: true },
])('npm @anthropic-ai/sdk in front of $engine', ({ model, tellsStop }) => {
  it('answers, whole and streamed', async () => {
    const whole = await anthropic.messages.create({ model, max_tokens: 100, messages });
    expect(whole).toMatchObject({
      model,
      content: [{ type: 'text', text: voiceText }],
      stop_reason: 'end_turn',
    });
    const { input_tokens, cache_read_input_tokens, output_tokens } = whole.usage;
    expect(input_tokens + (cache_read_input_tokens ?? 0)).toBeGreaterThan(1);
    expect(output_tokens).toBeGreaterThan(20);
    const events = await collect(await anthropic.messages.create({ model, max_tokens: 100, messages, stream: true }));
    const texts = events.map((event) =>
      event.type === 'content_block_delta' && event.delta.type === 'text_delta' ? event.delta.text : '',
    );
    expect(texts.join('')).toBe(voiceText);
    expect(texts.filter((text) => text !== '').length).toBeGreaterThan(10);
    expect(events.at(-2)).toMatchObject({ type: 'message_delta', usage: { output_tokens } });
    const final = await anthropic.messages.stream({ model, max_tokens: 100, messages }).finalMessage();
    expect(final.content).toEqual(whole.content);
  });

  it('stops at a stop sequence and at the bound', async () => {
    const stopped = await anthropic.messages.create({
      model,
      max_tokens: 100,
      messages,
      system: 'Speak of bees.',
      stop_sequences: [' dancing'],
    });
    expect(stopped.content).toMatchObject([{ text: 'Bees tell each other where the flowers are by' }]);
    expect(stopped).toMatchObject(
      tellsStop
        ? { stop_reason: 'stop_sequence', stop_sequence: ' dancing' }
        : { stop_reason: 'end_turn', stop_sequence: null },
    );
    const short = await anthropic.messages.stream({ model, max_tokens: 3, messages }).finalMessage();
    expect(short).toMatchObject({
      content: [{ text: 'Bees tell each' }],
      stop_reason: 'max_tokens',
      usage: { output_tokens: 3 },
    });
  });

  it('answers by a schema', async () => {
    const answer = await anthropic.messages.create({
      model,
      max_tokens: 64,
      messages,
      output_config: { format: { type: 'json_schema', schema } },
    });
    const [block] = answer.content;
    expect(JSON.parse(block?.type === 'text' ? block.text : '')).toEqual({ city: expect.any(String) });
  });
});

describe.skipIf(!hasRealEngines())('npm @anthropic-ai/sdk in front of a real Ollama', () => {
  it('runs a loop of tools, whole and streamed', async () => {
    for (const stream of [false, true]) {
      const asked: unknown[] = [];
      const runner = anthropic.beta.messages.toolRunner({
        model: 'voice',
        max_tokens: 200,
        stream,
        messages: [{ role: 'user', content: 'How warm is it in Lisbon?' }],
        tools: [
          {
            ...thermometer,
            type: 'custom',
            parse: (input) => input,
            run: (input) => {
              asked.push(input);
              return '18 degrees, light rain';
            },
          },
        ],
      });
      const last = await runner.runUntilDone();
      expect(asked).toEqual([{ city: 'Lisbon' }]);
      expect(last).toMatchObject({ stop_reason: 'end_turn', content: [{ type: 'text', text: reportText }] });
    }
  });

  it('thinks first, and not where it is told not to', async () => {
    const thinking: Anthropic.ThinkingConfigParam = { type: 'enabled', budget_tokens: 1_024 };
    const content = [
      { type: 'thinking', thinking: thoughtText, signature: expect.stringMatching(/./) },
      { type: 'text', text: resultText, citations: null },
    ];
    const asked = { model: 'thinker', max_tokens: 2_000, messages };
    expect((await anthropic.messages.create({ ...asked, thinking })).content).toEqual(content);
    expect((await anthropic.messages.stream({ ...asked, thinking }).finalMessage()).content).toEqual(content);
    const off = await anthropic.messages.create({ ...asked, thinking: { type: 'disabled' } });
    expect(off.content.map(({ type }) => type)).toEqual(['text']);
    // One that cannot think is not refused for the wish.
    const plain = await anthropic.messages.create({ ...asked, model: 'voice', thinking });
    expect(plain.content).toMatchObject([{ type: 'text', text: voiceText }]);
  });

  it('stops the engine when a client leaves', async () => {
    const stream = anthropic.messages.stream({ model: 'endless', max_tokens: 100_000, messages });
    for await (const event of stream) if (event.type === 'content_block_delta') break;
    stream.abort();
    expect(await askEndlessDirectly()).toBe(200);
  });
});
