import { Ollama } from 'ollama';
import OpenAI, { BadRequestError, NotFoundError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collect } from '../src/cluster/collect.ts';
import type { ProcessCluster } from '../src/cluster/process-cluster.ts';
import { askEndlessDirectly, hasRealEngines, startRealCluster } from './real-cluster.ts';
import { findRealEngines } from './real-engines.ts';
import { reportText, resultText, thoughtText, voiceText } from './spoken-texts.ts';

const { llamaEmbedder } = findRealEngines();
const missing = !hasRealEngines() || llamaEmbedder === undefined;

const messages = [{ role: 'user' as const, content: 'Hello there' }];
const thermometer = {
  type: 'function' as const,
  function: {
    name: 'get_temperature',
    description: 'Temperature of a city',
    parameters: { type: 'object', properties: { city: { type: 'string', description: 'Its name' } } },
  },
};
const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };

let cluster: ProcessCluster;
let ollama: Ollama;
let openai: OpenAI;

beforeAll(async () => {
  if (missing) return;
  cluster = await startRealCluster([{ name: 'embedder', engineUrl: llamaEmbedder }]);
  ollama = new Ollama({ host: cluster.url });
  openai = new OpenAI({ baseURL: `${cluster.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

describe.skipIf(missing).each([
  { engine: 'Ollama', model: 'voice', embedder: 'tiny-embed' },
  { engine: 'llama-server', model: 'llama-voice', embedder: 'llama-embed' },
])('in front of $engine', ({ model, embedder }) => {
  describe('npm ollama', () => {
    it('chats, whole', async () => {
      const answer = await ollama.chat({ model, messages, stream: false });
      expect(answer.message).toEqual({ role: 'assistant', content: voiceText });
      expect(answer).toMatchObject({ model, done: true, done_reason: 'stop' });
      expect(answer.eval_count).toBeGreaterThan(20);
      expect(answer.prompt_eval_count).toBeGreaterThan(1);
      expect(answer.total_duration).toBeGreaterThan(0);
      expect(answer.eval_duration).toBeGreaterThan(0);
    });

    it('chats, streamed', async () => {
      const parts = await collect(await ollama.chat({ model, messages, stream: true }));
      expect(parts.map((part) => part.message.content).join('')).toBe(voiceText);
      expect(parts.length).toBeGreaterThan(10);
      expect(parts.filter((part) => part.done)).toHaveLength(1);
      expect(parts.at(-1)).toMatchObject({ model, done: true, done_reason: 'stop' });
      expect(parts.at(-1)?.eval_count).toBeGreaterThan(20);
    });

    it('generates, whole and streamed, as long as it may', async () => {
      const whole = await ollama.generate({ model, prompt: 'Hello', options: { num_predict: 3 } });
      expect(whole).toMatchObject({ response: 'Bees tell each', done_reason: 'length', eval_count: 3 });
      const parts = await collect(
        await ollama.generate({ model, prompt: 'Hello', options: { num_predict: 3 }, stream: true }),
      );
      expect(parts.map((part) => part.response).join('')).toBe('Bees tell each');
      expect(parts.at(-1)).toMatchObject({ done: true, done_reason: 'length' });
    });

    it('stops at a stop word', async () => {
      const answer = await ollama.chat({ model, messages, options: { stop: [' dancing'] } });
      expect(answer.message.content).toBe('Bees tell each other where the flowers are by');
      expect(answer.done_reason).toBe('stop');
    });

    it('gives JSON, free and by schema', async () => {
      const free = await ollama.chat({ model, messages, format: 'json', options: { num_predict: 64 } });
      expect(() => JSON.parse(free.message.content) as unknown).not.toThrow();
      const bound = await ollama.chat({ model, messages, format: schema, options: { num_predict: 64 } });
      expect(JSON.parse(bound.message.content)).toEqual({ city: expect.any(String) });
    });

    it('embeds one and many', async () => {
      const one = await ollama.embed({ model: embedder, input: 'one' });
      const many = await ollama.embed({ model: embedder, input: ['one', 'two', 'three'] });
      expect(one.embeddings[0]).toHaveLength(64);
      expect(many.embeddings).toHaveLength(3);
      expect(Math.hypot(...(one.embeddings[0] ?? []))).toBeCloseTo(1, 3);
      expect(many.embeddings[0]?.[0]).toBeCloseTo(one.embeddings[0]?.[0] ?? 0, 3);
      const old = await ollama.embeddings({ model: embedder, prompt: 'one' });
      expect(old.embedding).toHaveLength(64);
    });

    it('shows the model', async () => {
      const shown = await ollama.show({ model });
      expect(shown.capabilities).toContain('completion');
      expect(shown.details.format).toBe('gguf');
    });
  });

  describe('npm openai', () => {
    it('chats, whole', async () => {
      const answer = await openai.chat.completions.create({ model, messages });
      expect(answer.choices).toHaveLength(1);
      expect(answer.choices[0]).toMatchObject({
        finish_reason: 'stop',
        message: { role: 'assistant', content: voiceText },
      });
      expect(answer.model).toBe(model);
      expect(answer.usage?.completion_tokens).toBeGreaterThan(20);
      expect(answer.usage?.total_tokens).toBe(
        (answer.usage?.prompt_tokens ?? 0) + (answer.usage?.completion_tokens ?? 0),
      );
    });

    it('chats, streamed, with usage only when it is asked for', async () => {
      const bare = await collect(await openai.chat.completions.create({ model, messages, stream: true }));
      expect(bare.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe(voiceText);
      expect(bare.every((chunk) => chunk.choices.length === 1)).toBe(true);
      expect(bare.filter((chunk) => chunk.choices[0]?.delta.role !== undefined)).toEqual([bare[0]]);
      expect(bare.at(-1)?.choices[0]?.finish_reason).toBe('stop');
      expect(new Set(bare.map((chunk) => chunk.id)).size).toBe(1);
      const counted = await collect(
        await openai.chat.completions.create({
          model,
          messages,
          stream: true,
          stream_options: { include_usage: true },
        }),
      );
      expect(counted.at(-1)?.choices).toEqual([]);
      expect(counted.at(-1)?.usage?.completion_tokens).toBeGreaterThan(20);
    });

    it('keeps max_tokens and stop', async () => {
      const short = await openai.chat.completions.create({ model, messages, max_tokens: 3 });
      expect(short.choices[0]).toMatchObject({ finish_reason: 'length', message: { content: 'Bees tell each' } });
      const newer = await openai.chat.completions.create({ model, messages, max_completion_tokens: 3 });
      expect(newer.choices[0]?.finish_reason).toBe('length');
      const stopped = await openai.chat.completions.create({ model, messages, stop: ' dancing' });
      expect(stopped.choices[0]?.message.content).toBe('Bees tell each other where the flowers are by');
    });

    it('gives JSON by schema', async () => {
      const answer = await openai.chat.completions.create({
        model,
        messages,
        max_tokens: 64,
        response_format: { type: 'json_schema', json_schema: { name: 'place', schema } },
      });
      expect(JSON.parse(answer.choices[0]?.message.content ?? '')).toEqual({ city: expect.any(String) });
    });

    it('completes a text', async () => {
      const whole = await openai.completions.create({ model, prompt: 'Hello', max_tokens: 3 });
      expect(whole.choices[0]).toMatchObject({ text: 'Bees tell each', finish_reason: 'length' });
      const parts = await collect(
        await openai.completions.create({ model, prompt: 'Hello', max_tokens: 3, stream: true }),
      );
      expect(parts.map((part) => part.choices[0]?.text ?? '').join('')).toBe('Bees tell each');
    });

    it('completes a text with log probabilities in the form of completions', async () => {
      const asked = { model, prompt: 'Hello there', max_tokens: 3, logprobs: 1 };
      const listed = { tokens: ['Bees', ' tell', ' each'], text_offset: [0, 4, 9] };
      const { choices } = await openai.completions.create(asked);
      expect(choices).toMatchObject([{ text: 'Bees tell each', finish_reason: 'length', logprobs: listed }]);
      const tokens: string[] = [];
      for await (const chunk of await openai.completions.create({ ...asked, stream: true }))
        tokens.push(...(chunk.choices[0]?.logprobs?.tokens ?? []));
      expect(tokens).toEqual(listed.tokens);
    });

    it('embeds in base64, which it asks for by itself, and in floats', async () => {
      const asked = { model: embedder, input: ['one', 'two'] };
      const base64 = await openai.embeddings.create(asked);
      const float = await openai.embeddings.create({ ...asked, encoding_format: 'float' });
      expect(base64.data.map((entry) => entry.embedding.length)).toEqual([64, 64]);
      expect(float.data.map((entry) => entry.embedding.length)).toEqual([64, 64]);
      expect(base64.data[1]?.embedding[0]).toBeCloseTo(float.data[1]?.embedding[0] ?? 0, 5);
      expect(base64.usage.prompt_tokens).toBeGreaterThan(0);
    });

    it('retrieves the model', async () => {
      expect(await openai.models.retrieve(model)).toMatchObject({
        id: expect.stringContaining(model),
        object: 'model',
      });
    });
  });
});

describe.skipIf(missing)('in front of a real Ollama', () => {
  it('calls a tool and takes its answer, for both clients', async () => {
    const first = await ollama.chat({ model: 'voice', messages, tools: [thermometer] });
    expect(first.message.tool_calls).toMatchObject([
      { function: { name: 'get_temperature', arguments: { city: 'Lisbon' } } },
    ]);
    const second = await ollama.chat({
      model: 'voice',
      messages: [...messages, first.message, { role: 'tool', tool_name: 'get_temperature', content: '18' }],
    });
    expect(second.message.content).toBe(reportText);

    const called = await openai.chat.completions.create({ model: 'voice', messages, tools: [thermometer] });
    const message = called.choices[0]?.message;
    expect(called.choices[0]?.finish_reason).toBe('tool_calls');
    expect(message?.tool_calls).toMatchObject([
      { type: 'function', function: { name: 'get_temperature', arguments: '{"city":"Lisbon"}' } },
    ]);
    const [call] = message?.tool_calls ?? [];
    if (message === undefined || call === undefined) throw new Error('no tool was called');
    const told = await openai.chat.completions.create({
      model: 'voice',
      messages: [...messages, message, { role: 'tool', tool_call_id: call.id, content: '18' }],
    });
    expect(told.choices[0]?.message.content).toBe(reportText);
  });

  it('streams a tool call, for both clients', async () => {
    const parts = await collect(await ollama.chat({ model: 'voice', messages, tools: [thermometer], stream: true }));
    expect(parts.flatMap((part) => part.message.tool_calls ?? [])).toMatchObject([
      { function: { name: 'get_temperature', arguments: { city: 'Lisbon' } } },
    ]);
    const stream = openai.chat.completions.stream({ model: 'voice', messages, tools: [thermometer] });
    const final = await stream.finalChatCompletion();
    expect(final.choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: { tool_calls: [{ function: { name: 'get_temperature', arguments: '{"city":"Lisbon"}' } }] },
    });
  });

  it('thinks first, for both clients', async () => {
    const whole = await ollama.chat({ model: 'thinker', messages, think: true });
    expect(whole.message).toMatchObject({ thinking: thoughtText, content: resultText });
    const off = await ollama.chat({ model: 'thinker', messages, think: false });
    expect(off.message.thinking).toBeUndefined();
    const parts = await collect(await ollama.chat({ model: 'thinker', messages, think: true, stream: true }));
    expect(parts.map((part) => part.message.thinking ?? '').join('')).toBe(thoughtText);
    expect(parts.map((part) => part.message.content).join('')).toBe(resultText);

    const answer = await openai.chat.completions.create({ model: 'thinker', messages, reasoning_effort: 'high' });
    expect(answer.choices[0]?.message).toMatchObject({
      content: resultText,
      reasoning: thoughtText,
      reasoning_content: thoughtText,
    });
    const chunks = await collect(await openai.chat.completions.create({ model: 'thinker', messages, stream: true }));
    const deltas = chunks.map((chunk) => chunk.choices[0]?.delta as { reasoning?: string; content?: string });
    expect(deltas.map((delta) => delta.reasoning ?? '').join('')).toBe(thoughtText);
    expect(deltas.map((delta) => delta.content ?? '').join('')).toBe(resultText);
  });

  it('stops the engine when a client leaves, for both clients', async () => {
    const left = await ollama.chat({ model: 'endless', messages, stream: true });
    let parts = 0;
    await expect(async () => {
      for await (const _ of left) if (++parts === 3) left.abort();
    }).rejects.toThrow('abort');
    // The engine takes one at a time: it answers only when it no longer works for the client that left.
    expect(await askEndlessDirectly()).toBe(200);
    const stream = await openai.chat.completions.create({ model: 'endless', messages, stream: true });
    for await (const _ of stream) {
      stream.controller.abort();
      break;
    }
    expect(await askEndlessDirectly()).toBe(200);
  });

  it('lists, loads and unloads', async () => {
    const tags = await ollama.list();
    expect(tags.models.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['voice:latest', 'thinker:latest', 'endless:latest', 'slow:latest', 'tiny-embed:latest']),
    );
    await ollama.generate({ model: 'voice', prompt: '', keep_alive: '10m' });
    expect((await ollama.ps()).models.map(({ name }) => name)).toContain('voice:latest');
    await ollama.generate({ model: 'voice', prompt: '', keep_alive: 0 });
    const models = await collect(openai.models.list());
    expect(models.map(({ id }) => id)).toEqual(expect.arrayContaining(['voice:latest', 'llama-voice']));
  });

  it('gives the errors the clients know', async () => {
    await expect(ollama.chat({ model: 'absent', messages })).rejects.toMatchObject({
      status_code: 404,
      message: "model 'absent' not found",
    });
    await expect(ollama.chat({ model: 'voice', messages, think: true })).rejects.toMatchObject({
      status_code: 400,
      message: '"voice" does not support thinking',
    });
    await expect(openai.chat.completions.create({ model: 'absent', messages })).rejects.toThrow(NotFoundError);
    await expect(
      openai.chat.completions.create({ model: 'voice', messages, temperature: 'hot' as unknown as number }),
    ).rejects.toThrow(BadRequestError);
  });
});
