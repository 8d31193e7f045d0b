import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import { countedText } from '../answer-script.ts';
import { collect } from '../collect.ts';
import { askRaw } from '../recordings.ts';
import { startOpenAiEngine } from './start-openai-engine.ts';

const clientOf = (engine: { readonly url: string }) =>
  new OpenAI({ baseURL: `${engine.url}/v1`, apiKey: 'any', maxRetries: 0 });
const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'hi' }];
const tools: OpenAI.ChatCompletionTool[] = [
  { type: 'function', function: { name: 'weather', parameters: { type: 'object' } } },
];
const flavours = ['vllm', 'llama-server', 'lm-studio'] as const;

describe.each(flavours)('%s', (flavour) => {
  test('streams every word in order: role first, then words, the finish, the usage if it was asked for', async () => {
    await using engine = await startOpenAiEngine({
      flavour,
      models: [{ name: 'm', answer: { kind: 'words', count: 20 } }],
    });
    const options = {
      model: 'm',
      messages,
      stream: true,
      stream_options: { include_usage: true },
    } as const;
    const chunks = await collect(await clientOf(engine).chat.completions.create(options));
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe(countedText(20));
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.role).filter((role) => role !== undefined)).toEqual([
      'assistant',
    ]);
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('stop');
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 20 } });
    expect(new Set(chunks.map((chunk) => `${chunk.id} ${chunk.created}`)).size).toBe(1);
    const without = await collect(await clientOf(engine).chat.completions.create({ ...options, stream_options: null }));
    expect(without.some((chunk) => chunk.choices.length === 0)).toBe(false);
  });

  test('answers whole, limits tokens, stops at a stop text', async () => {
    await using engine = await startOpenAiEngine({ flavour, models: [{ name: 'm' }] });
    const { chat, completions } = clientOf(engine);
    const limited = await chat.completions.create({ model: 'm', messages, max_completion_tokens: 3 });
    expect(limited.choices[0]).toMatchObject({ finish_reason: 'length', message: { content: 'w0 w1 w2' } });
    const stopped = await completions.create({ model: 'm', prompt: 'x', stop: ' w2' });
    expect(stopped.choices[0]).toMatchObject({ finish_reason: 'stop', text: 'w0 w1' });
    const streamed = await collect(await completions.create({ model: 'm', prompt: 'x', stream: true }));
    expect(streamed.map((chunk) => chunk.choices[0]?.text ?? '').join('')).toBe(countedText(16));
  });

  test.each(['reasoning', 'reasoning_content'] as const)('thinks in the field %s', async (reasoningField) => {
    const models = [{ name: 'm', thinking: { kind: 'text', text: 'well well' } as const }];
    await using engine = await startOpenAiEngine({ flavour, models, reasoningField });
    const { chat } = clientOf(engine);
    const chunks = await collect(await chat.completions.create({ model: 'm', messages, stream: true }));
    const thoughts = chunks.map(
      (chunk) => (chunk.choices[0]?.delta as Record<string, unknown> | undefined)?.[reasoningField],
    );
    expect(thoughts.filter((thought) => typeof thought === 'string').join('')).toBe('well well');
    const whole = await chat.completions.create({ model: 'm', messages });
    expect(whole.choices[0]?.message).toMatchObject({ [reasoningField]: 'well well', content: countedText(16) });
    const silent = await chat.completions.create({ model: 'm', messages, reasoning_effort: 'none' });
    expect(JSON.stringify(silent)).not.toContain('well well');
  });

  test('calls a tool in pieces that join to its arguments', async () => {
    const toolCall = { name: 'weather', arguments: { city: 'Oslo', days: 2 } };
    await using engine = await startOpenAiEngine({ flavour, models: [{ name: 'm', toolCall }] });
    const { chat } = clientOf(engine);
    const ask = { model: 'm', messages, tools };
    const chunks = await collect(await chat.completions.create({ ...ask, stream: true }));
    const deltas = chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []);
    expect(deltas[0]).toMatchObject({ index: 0, type: 'function', function: { name: 'weather' } });
    expect(deltas.length).toBeGreaterThan(2);
    expect(JSON.parse(deltas.map((delta) => delta.function?.arguments ?? '').join(''))).toEqual(toolCall.arguments);
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('tool_calls');
    const whole = await chat.completions.create(ask);
    const [call] = whole.choices[0]?.message.tool_calls ?? [];
    expect(call).toMatchObject({ type: 'function', function: { name: 'weather' } });
    const refused = await chat.completions.create({ ...ask, tool_choice: 'none' });
    expect(refused.choices[0]?.message.content).toBe(countedText(16));
  });

  test('embeds in base64 and in floats alike', async () => {
    await using engine = await startOpenAiEngine({ flavour, models: [{ name: 'e', embeddingLength: 8 }] });
    const { embeddings } = clientOf(engine);
    const base64 = await embeddings.create({ model: 'e', input: ['a', 'b'] });
    const floats = await embeddings.create({ model: 'e', input: ['a', 'b'], encoding_format: 'float' });
    expect(base64.data.map(({ embedding }) => embedding.length)).toEqual([8, 8]);
    const rounded = floats.data.map(({ embedding }) => embedding.map((value) => Math.fround(value)));
    expect(base64.data.map(({ embedding }) => [...embedding])).toEqual(rounded);
  });

  test('lists its models', async () => {
    await using engine = await startOpenAiEngine({ flavour, models: [{ name: 'm' }] });
    const list = await collect(await clientOf(engine).models.list());
    expect(list.map((model) => model.id)).toEqual(['m']);
  });
});

test('vLLM refuses what it cannot serve in its own words', async () => {
  await using engine = await startOpenAiEngine({ models: [{ name: 'm', contextLength: 10 }] });
  const { chat } = clientOf(engine);
  await expect(chat.completions.create({ model: 'nix', messages })).rejects.toMatchObject({
    status: 404,
    error: { message: 'The model `nix` does not exist.', type: 'NotFoundError', code: 404 },
  });
  const long: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'x'.repeat(100) }];
  await expect(chat.completions.create({ model: 'm', messages: long })).rejects.toMatchObject({
    status: 400,
    error: { type: 'BadRequestError' },
  });
  expect(await askRaw(engine.url, 'GET', '/nope')).toMatchObject({ status: 404, body: '{"detail":"Not Found"}' });
  expect(await askRaw(engine.url, 'GET', '/v1/chat/completions')).toMatchObject({ status: 405 });
  expect(await askRaw(engine.url, 'GET', '/health')).toMatchObject({ status: 200, body: '' });
});

test('vLLM shows running and waiting requests, and sends headers to those that wait', async () => {
  await using engine = await startOpenAiEngine({
    models: [{ name: 'm', slots: 1, answer: { kind: 'endless' }, decodeMsPerToken: 1 }],
  });
  const { chat } = clientOf(engine);
  const ask = { model: 'm', messages, stream: true } as const;
  const first = await chat.completions.create(ask);
  await engine.waitFor(({ tokensSent }) => tokensSent > 0);
  const second = await chat.completions.create(ask);
  await engine.requests.until(() => engine.core.waiting('m') === 1);
  const metrics = await (await fetch(`${engine.url}/metrics`)).text();
  expect(metrics).toContain('vllm:num_requests_running{engine="0",model_name="m"} 1\n');
  expect(metrics).toContain('vllm:num_requests_waiting{engine="0",model_name="m"} 1\n');
  first.controller.abort();
  await engine.waitFor(({ id, tokensSent }) => id === 2 && tokensSent > 0);
  second.controller.abort();
  await engine.requests.until(() => engine.requests.counters.active === 0);
});

test('llama-server tells its slots, its timings, and serves one model under any name', async () => {
  await using engine = await startOpenAiEngine({ flavour: 'llama-server', models: [{ name: 'm' }], slots: 3 });
  const props = JSON.parse((await askRaw(engine.url, 'GET', '/props')).body) as { total_slots: number };
  expect(props.total_slots).toBe(3);
  const body = JSON.stringify({ model: 'whatever', messages });
  const answer = JSON.parse((await askRaw(engine.url, 'POST', '/v1/chat/completions', body)).body) as Record<
    string,
    unknown
  >;
  expect(answer).toMatchObject({ model: 'm', timings: { cache_n: 0, predicted_n: 16 } });
  expect(engine.control.state.models.m).toMatchObject({ resident: true, loads: 0 });
});

test('llama-server closes a connection after a hundred requests and says so', async () => {
  await using engine = await startOpenAiEngine({ flavour: 'llama-server', models: [{ name: 'm' }] });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const sayings: (string | undefined)[] = [];
  for (let index = 0; index < 101; index++) {
    const call = request(`${engine.url}/health`, { agent }).end();
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    sayings.push(response.headers.connection);
    await once(response.resume(), 'end');
  }
  expect(sayings.indexOf('close')).toBe(99);
  expect(sayings.lastIndexOf('close')).toBe(99);
  agent.destroy();
});

test('LM Studio loads on demand or on command, and answers 200 to what it does not know', async () => {
  await using engine = await startOpenAiEngine({ flavour: 'lm-studio', models: [{ name: 'm' }, { name: 'n' }] });
  const post = (path: string, body: unknown) => askRaw(engine.url, 'POST', path, JSON.stringify(body));
  await clientOf(engine).chat.completions.create({ model: 'm', messages });
  expect(JSON.parse((await post('/api/v1/models/load', { model: 'n' })).body)).toMatchObject({
    model_instance_id: 'n',
  });
  const loaded = () => engine.core.residency.list().map(({ model }) => model.name);
  expect(loaded()).toEqual(['m', 'n']);
  await post('/api/v1/models/unload', { instance_id: 'm' });
  expect(loaded()).toEqual(['n']);
  expect(await askRaw(engine.url, 'GET', '/health')).toMatchObject({
    status: 200,
    body: expect.stringContaining('Unexpected'),
  });
});
