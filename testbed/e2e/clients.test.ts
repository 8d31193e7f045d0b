import { BadRequestError, NotFoundError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collect } from '../src/cluster/collect.ts';
import { countedText } from '../src/engines/answer-script.ts';
import type { RequestRecord } from '../src/engines/request-record.ts';
import { clientModels, png, schema, thermometer } from './client-models.ts';
import { EngineCluster } from './engine-cluster.ts';

const twelve = countedText(12);
const messages = [{ role: 'user' as const, content: 'Hello there' }];
let clients: EngineCluster;

beforeAll(async () => {
  clients = await EngineCluster.start({
    desk: { ollama: { models: clientModels('ollama'), maxLoadedModels: 6 } },
    rack: { openai: { models: clientModels('vllm') } },
  });
});
afterAll(() => clients?.[Symbol.asyncDispose]());

describe.each([
  { engine: 'Ollama', node: 'desk', prefix: 'ollama', native: 'ollama' },
  { engine: 'vLLM', node: 'rack', prefix: 'vllm', native: 'openai' },
])('in front of $engine', ({ node, prefix, native }) => {
  const words = `${prefix}-words`;
  const lastAsked = (): RequestRecord => {
    const record = clients.engine(node).requests.all.at(-1);
    if (record === undefined) throw new Error('the engine was not asked');
    return record;
  };
  const asked = (): Record<string, unknown> => lastAsked().body as Record<string, unknown>;

  describe('npm ollama', () => {
    it('chats, whole', async () => {
      const answer = await clients.ollama.chat({ model: words, messages });
      expect(answer).toMatchObject({
        model: words,
        message: { role: 'assistant', content: twelve },
        done: true,
        done_reason: 'stop',
        eval_count: 12,
      });
      expect(answer.prompt_eval_count).toBeGreaterThan(0);
      expect(answer.total_duration).toBeGreaterThan(0);
      expect(String(answer.created_at)).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    });

    it('chats, streamed', async () => {
      const parts = await collect(await clients.ollama.chat({ model: words, messages, stream: true }));
      expect(parts.map((part) => part.message.content).join('')).toBe(twelve);
      expect(parts.map((part) => part.done)).toEqual([...Array<boolean>(parts.length - 1).fill(false), true]);
      expect(parts.every((part) => part.model === words)).toBe(true);
      expect(parts.at(-1)).toMatchObject({ done_reason: 'stop', eval_count: 12 });
    });

    it('generates, whole and streamed', async () => {
      const whole = await clients.ollama.generate({ model: words, prompt: 'Hello', system: 'Be brief.' });
      expect(whole).toMatchObject({ model: words, response: twelve, done: true, done_reason: 'stop', eval_count: 12 });
      expect(JSON.stringify(asked())).toContain('Be brief.');
      const parts = await collect(await clients.ollama.generate({ model: words, prompt: 'Hello', stream: true }));
      expect(parts.map((part) => part.response).join('')).toBe(twelve);
      expect(parts.at(-1)).toMatchObject({ done: true, eval_count: 12 });
    });

    it('passes options on and stops where they say', async () => {
      const answer = await clients.ollama.chat({
        model: words,
        messages,
        options: { num_predict: 3, temperature: 0.25, top_p: 0.5, seed: 7, stop: ['never'] },
      });
      expect(answer).toMatchObject({ message: { content: 'w0 w1 w2' }, done_reason: 'length', eval_count: 3 });
      const sent = native === 'ollama' ? asked()['options'] : asked();
      expect(sent).toMatchObject({ temperature: 0.25, top_p: 0.5, seed: 7, stop: ['never'] });
      const stopped = await clients.ollama.chat({ model: words, messages, options: { stop: [' w4'] } });
      expect(stopped).toMatchObject({ message: { content: 'w0 w1 w2 w3' }, done_reason: 'stop' });
    });

    it('calls a tool and takes its answer', async () => {
      const model = `${prefix}-caller`;
      const first = await clients.ollama.chat({ model, messages, tools: [thermometer] });
      const call = { function: { name: 'get_temperature', arguments: { city: 'Lisbon', days: 2 } } };
      expect(first.message.tool_calls).toMatchObject([call]);
      const streamed = await collect(
        await clients.ollama.chat({ model, messages, tools: [thermometer], stream: true }),
      );
      expect(streamed.flatMap((part) => part.message.tool_calls ?? [])).toMatchObject([call]);
      const second = await clients.ollama.chat({
        model,
        messages: [...messages, first.message, { role: 'tool', tool_name: 'get_temperature', content: '18' }],
        tools: [thermometer],
      });
      expect(second.message.content).toBe('It is 18 degrees.');
      expect(JSON.stringify(asked()['messages'])).toContain('Lisbon');
    });

    it('shows an image', async () => {
      const answer = await clients.ollama.chat({
        model: `${prefix}-seer`,
        messages: [{ role: 'user', content: 'What is it?', images: [png] }],
      });
      expect(answer.message.content).toContain('What is it?');
      const [message] = asked()['messages'] as { images?: string[]; content: unknown }[];
      if (native === 'ollama') expect(message?.images).toEqual([png]);
      else {
        expect(message?.content).toContainEqual({
          type: 'image_url',
          image_url: expect.objectContaining({ url: `data:image/png;base64,${png}` }),
        });
      }
    });

    it('thinks, or does not', async () => {
      const model = `${prefix}-thinker`;
      const whole = await clients.ollama.chat({ model, messages, think: true });
      expect(whole.message).toMatchObject({ thinking: 'Seven times six.', content: 'Forty two.' });
      const parts = await collect(await clients.ollama.chat({ model, messages, think: true, stream: true }));
      expect(parts.map((part) => part.message.thinking ?? '').join('')).toBe('Seven times six.');
      expect(parts.map((part) => part.message.content).join('')).toBe('Forty two.');
      const off = await clients.ollama.chat({ model, messages, think: false });
      expect(off.message.thinking ?? '').toBe('');
      expect(off.message.content).toBe('Forty two.');
    });

    it('asks for JSON, free and by schema', async () => {
      const free = await clients.ollama.chat({ model: words, messages, format: 'json' });
      expect(JSON.parse(free.message.content)).toEqual({ answer: 42 });
      const bound = await clients.ollama.chat({ model: words, messages, format: schema });
      expect(JSON.parse(bound.message.content)).toEqual({ answer: 42 });
      expect(JSON.stringify(asked())).toContain(JSON.stringify(schema.properties));
    });

    it('embeds one, many, and the old way', async () => {
      const model = `${prefix}-embedder`;
      const one = await clients.ollama.embed({ model, input: 'one' });
      expect(one.embeddings).toHaveLength(1);
      expect(one.embeddings[0]).toHaveLength(64);
      const many = await clients.ollama.embed({ model, input: ['one', 'two'] });
      expect(many.embeddings).toHaveLength(2);
      expect(many.embeddings[0]).toEqual(one.embeddings[0]);
      expect(many.embeddings[1]).not.toEqual(many.embeddings[0]);
      expect((await clients.ollama.embeddings({ model, prompt: 'one' })).embedding).toHaveLength(64);
    });

    it('splits many texts and rejoins them in order', async () => {
      const model = `${prefix}-embedder`;
      const input = Array.from({ length: 150 }, (_, index) => `text ${index}`);
      const before = clients.engine(node).requests.counters.started;
      const many = await clients.ollama.embed({ model, input });
      expect(clients.engine(node).requests.counters.started - before).toBe(3);
      expect(many.embeddings).toHaveLength(150);
      const [last] = (await clients.ollama.embed({ model, input: ['text 149'] })).embeddings;
      expect(many.embeddings[149]).toEqual(last);
    });

    it('leaves, and the engine stops', async () => {
      const stream = await clients.ollama.chat({ model: `${prefix}-endless`, messages, stream: true });
      await expect(async () => {
        for await (const part of stream) if (part.message.content !== '') stream.abort();
      }).rejects.toThrow('abort');
      const record = await clients.engine(node).waitFor((seen) => seen.clientGoneAt !== undefined);
      expect(record.model).toContain('endless');
      clients.engine(node).requests.clear();
    });

    it('hears errors in its dialect', async () => {
      clients
        .engine(node)
        .control.inject({ kind: 'status', status: 400, body: '{"error":"no such thing"}' }, { times: 1 });
      await expect(clients.ollama.chat({ model: words, messages })).rejects.toMatchObject({
        status_code: 400,
        message: 'no such thing',
      });
    });
  });

  describe('npm openai', () => {
    it('chats, whole', async () => {
      const answer = await clients.openai.chat.completions.create({ model: words, messages });
      expect(answer).toMatchObject({
        object: 'chat.completion',
        model: words,
        choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: twelve } }],
      });
      const { prompt_tokens = 0, completion_tokens, total_tokens } = answer.usage ?? {};
      expect(prompt_tokens).toBeGreaterThan(0);
      expect(completion_tokens).toBe(12);
      expect(total_tokens).toBe(prompt_tokens + 12);
    });

    it('chats, streamed', async () => {
      const chunks = await collect(
        await clients.openai.chat.completions.create({ model: words, messages, stream: true }),
      );
      expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe(twelve);
      expect(chunks.filter((chunk) => chunk.choices[0]?.delta.role !== undefined)).toEqual([chunks[0]]);
      expect(chunks.filter((chunk) => chunk.choices[0]?.finish_reason !== null)).toEqual([chunks.at(-1)]);
      expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('stop');
      expect(chunks.every((chunk) => chunk.choices.length === 1 && chunk.model === words)).toBe(true);
      expect(new Set(chunks.map((chunk) => `${chunk.id} ${chunk.created}`)).size).toBe(1);
    });

    it('counts where it is asked to', async () => {
      const stream_options = { include_usage: true };
      const chunks = await collect(
        await clients.openai.chat.completions.create({ model: words, messages, stream: true, stream_options }),
      );
      const last = chunks.at(-1);
      expect(last?.choices).toEqual([]);
      expect(last?.usage?.completion_tokens).toBe(12);
      expect(chunks.slice(0, -1).every((chunk) => chunk.choices.length === 1 && chunk.usage == null)).toBe(true);
    });

    it('completes a text, whole and streamed', async () => {
      const whole = await clients.openai.completions.create({ model: words, prompt: 'Hello', max_tokens: 4 });
      expect(whole).toMatchObject({
        object: 'text_completion',
        choices: [{ text: 'w0 w1 w2 w3', finish_reason: 'length' }],
      });
      const parts = await collect(
        await clients.openai.completions.create({ model: words, prompt: 'Hello', stream: true }),
      );
      expect(parts.map((part) => part.choices[0]?.text ?? '').join('')).toBe(twelve);
    });

    it('passes parameters on and stops where they say', async () => {
      const answer = await clients.openai.chat.completions.create({
        model: words,
        messages,
        max_completion_tokens: 3,
        temperature: 0.25,
        top_p: 0.5,
        seed: 7,
      });
      expect(answer.choices[0]).toMatchObject({ finish_reason: 'length', message: { content: 'w0 w1 w2' } });
      const sent = native === 'ollama' ? asked()['options'] : asked();
      expect(sent).toMatchObject({ temperature: 0.25, top_p: 0.5, seed: 7 });
      const stopped = await clients.openai.chat.completions.create({ model: words, messages, stop: [' w4'] });
      expect(stopped.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: 'w0 w1 w2 w3' } });
    });

    it('calls a tool and takes its answer', async () => {
      const model = `${prefix}-caller`;
      const first = await clients.openai.chat.completions.create({ model, messages, tools: [thermometer] });
      const [choice] = first.choices;
      const called = choice?.message.tool_calls?.[0];
      if (choice === undefined || called?.type !== 'function') throw new Error('no tool was called');
      expect(choice.finish_reason).toBe('tool_calls');
      expect(called.function.name).toBe('get_temperature');
      expect(JSON.parse(called.function.arguments)).toEqual({ city: 'Lisbon', days: 2 });
      const streamed = await clients.openai.chat.completions
        .stream({ model, messages, tools: [thermometer] })
        .finalChatCompletion();
      expect(streamed.choices[0]?.finish_reason).toBe('tool_calls');
      const again = streamed.choices[0]?.message.tool_calls?.[0];
      expect(again?.type === 'function' ? JSON.parse(again.function.arguments) : again).toEqual({
        city: 'Lisbon',
        days: 2,
      });
      const second = await clients.openai.chat.completions.create({
        model,
        messages: [...messages, choice.message, { role: 'tool', tool_call_id: called.id, content: '18' }],
        tools: [thermometer],
      });
      expect(second.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: 'It is 18 degrees.' } });
      expect(JSON.stringify(asked()['messages'])).toContain('Lisbon');
    });

    it('calls no tool where none may be called', async () => {
      const answer = await clients.openai.chat.completions.create({
        model: `${prefix}-caller`,
        messages,
        tools: [thermometer],
        tool_choice: 'none',
      });
      expect(answer.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: 'It is 18 degrees.' } });
    });

    it('shows an image', async () => {
      const url = `data:image/png;base64,${png}`;
      await clients.openai.chat.completions.create({
        model: `${prefix}-seer`,
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'What is it?' },
              { type: 'image_url', image_url: { url } },
            ],
          },
        ],
      });
      const sent = JSON.stringify(asked()['messages']);
      expect(sent).toContain('What is it?');
      expect(sent).toContain(native === 'ollama' ? `"images":["${png}"]` : `"url":"${url}"`);
    });

    it('thinks under both names', async () => {
      const model = `${prefix}-thinker`;
      const whole = await clients.openai.chat.completions.create({ model, messages, reasoning_effort: 'high' });
      const message = whole.choices[0]?.message as { content: string; reasoning?: string; reasoning_content?: string };
      expect(message.content).toBe('Forty two.');
      // A vLLM's own bytes reach the client as they are: there it is the engine's name alone.
      const names = native === 'ollama' ? [message.reasoning, message.reasoning_content] : [message.reasoning];
      expect(new Set(names)).toEqual(new Set(['Seven times six.']));
      const chunks = await collect(await clients.openai.chat.completions.create({ model, messages, stream: true }));
      const deltas = chunks.map((chunk) => chunk.choices[0]?.delta as { reasoning?: string; content?: string });
      expect(deltas.map((delta) => delta.reasoning ?? '').join('')).toBe('Seven times six.');
      expect(deltas.map((delta) => delta.content ?? '').join('')).toBe('Forty two.');
    });

    it('asks for JSON, free and by schema', async () => {
      const free = await clients.openai.chat.completions.create({
        model: words,
        messages,
        response_format: { type: 'json_object' },
      });
      expect(JSON.parse(free.choices[0]?.message.content ?? '')).toEqual({ answer: 42 });
      const bound = await clients.openai.chat.completions.create({
        model: words,
        messages,
        response_format: { type: 'json_schema', json_schema: { name: 'reply', schema } },
      });
      expect(JSON.parse(bound.choices[0]?.message.content ?? '')).toEqual({ answer: 42 });
      expect(JSON.stringify(asked())).toContain(JSON.stringify(schema.properties));
    });

    it('embeds in base64, which it asks for by itself, and in floats', async () => {
      const model = `${prefix}-embedder`;
      const base64 = await clients.openai.embeddings.create({ model, input: ['one', 'two'] });
      const float = await clients.openai.embeddings.create({ model, input: ['one', 'two'], encoding_format: 'float' });
      expect(base64.data.map(({ embedding }) => embedding.length)).toEqual([64, 64]);
      expect(float.data.map(({ embedding }) => embedding.length)).toEqual([64, 64]);
      expect(base64.data[1]?.embedding[5]).toBeCloseTo(float.data[1]?.embedding[5] ?? 9, 5);
      expect(float.data.map(({ index }) => index)).toEqual([0, 1]);
      expect(float.usage.prompt_tokens).toBeGreaterThan(0);
    });

    it('leaves, and the engine stops', async () => {
      const stream = await clients.openai.chat.completions.create({
        model: `${prefix}-endless`,
        messages,
        stream: true,
      });
      for await (const chunk of stream) {
        if ((chunk.choices[0]?.delta.content ?? '') === '') continue;
        stream.controller.abort();
        break;
      }
      const record = await clients.engine(node).waitFor((seen) => seen.clientGoneAt !== undefined);
      expect(record.model).toContain('endless');
      clients.engine(node).requests.clear();
    });

    it('hears errors in its dialect', async () => {
      clients.engine(node).control.inject(
        {
          kind: 'status',
          status: 400,
          body: '{"error":{"message":"no such thing","type":"BadRequestError","param":"thing","code":400}}',
        },
        { times: 1 },
      );
      const failed = clients.openai.chat.completions.create({ model: words, messages });
      await expect(failed).rejects.toThrow(BadRequestError);
      await expect(failed).rejects.toMatchObject({ message: expect.stringContaining('no such thing'), param: 'thing' });
    });
  });
});

describe('both together', () => {
  it('lists every model once, for both clients', async () => {
    const tags = (await clients.ollama.list()).models.map(({ name }) => name);
    expect(tags).toEqual(expect.arrayContaining(['ollama-words:latest', 'vllm-words']));
    expect(new Set(tags).size).toBe(tags.length);
    const ids = (await collect(clients.openai.models.list())).map(({ id }) => id);
    expect(ids.toSorted()).toEqual(tags.toSorted());
    expect(await clients.openai.models.retrieve('vllm-words')).toMatchObject({ id: 'vllm-words', object: 'model' });
    await expect(clients.openai.models.retrieve('absent')).rejects.toThrow(NotFoundError);
  });

  it('refuses in words what an engine of the other family cannot do', async () => {
    const context = [1, 2, 3];
    await expect(clients.ollama.generate({ model: 'vllm-words', prompt: 'a', context })).rejects.toMatchObject({
      status_code: 400,
      message: expect.stringContaining('context'),
    });
    const biased = clients.openai.chat.completions.create({ model: 'ollama-words', messages, logit_bias: { 5: 1 } });
    await expect(biased).rejects.toThrow(BadRequestError);
    await expect(biased).rejects.toMatchObject({ param: 'logit_bias' });
  });
});
