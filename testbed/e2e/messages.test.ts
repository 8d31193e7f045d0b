import Anthropic, { APIError, BadRequestError, NotFoundError } from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collect } from '../src/cluster/collect.ts';
import { countedText } from '../src/engines/answer-script.ts';
import { clientModels, png, schema, thermometer } from './client-models.ts';
import { EngineCluster } from './engine-cluster.ts';

const twelve = countedText(12);
const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'Hello there' }];
const tools: Anthropic.Tool[] = [
  {
    name: thermometer.function.name,
    description: thermometer.function.description,
    input_schema: thermometer.function.parameters as Anthropic.Tool.InputSchema,
  },
];
let clients: EngineCluster;
let anthropic: Anthropic;

beforeAll(async () => {
  clients = await EngineCluster.start({
    desk: { ollama: { models: clientModels('ollama'), maxLoadedModels: 6 } },
    rack: { openai: { models: clientModels('vllm') } },
  });
  anthropic = new Anthropic({ baseURL: clients.url, apiKey: 'any', maxRetries: 0 });
});
afterAll(() => clients?.[Symbol.asyncDispose]());

describe.each([
  { engine: 'Ollama', node: 'desk', prefix: 'ollama' },
  { engine: 'vLLM', node: 'rack', prefix: 'vllm' },
])('npm @anthropic-ai/sdk in front of $engine', ({ node, prefix }) => {
  const words = `${prefix}-words`;
  const isOllama = prefix === 'ollama';
  const asked = (): Record<string, unknown> =>
    clients.engine(node).requests.all.at(-1)?.body as Record<string, unknown>;

  it('answers whole, and counts', async () => {
    const { data, response, request_id } = await anthropic.messages
      .create({ model: words, max_tokens: 100, messages })
      .withResponse();
    expect(data).toMatchObject({
      type: 'message',
      role: 'assistant',
      model: words,
      content: [{ type: 'text', text: twelve }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { output_tokens: 12 },
    });
    expect(data.usage.input_tokens).toBeGreaterThan(0);
    expect(request_id).toBe(response.headers.get('x-request-id'));
    expect(response.headers.get('x-waggle-node')).toBe(node);
    expect(response.headers.get('x-waggle-attempts')).toBe('1');
    const record = await clients.cluster.get<{ endpoint: string }>(`/api/requests/${request_id}`);
    expect(record.endpoint).toBe('anthropic.messages');
  });

  it('streams events in their order, and the helper rebuilds the message', async () => {
    const events = await collect(
      await anthropic.messages.create({ model: words, max_tokens: 100, messages, stream: true }),
    );
    const kinds = events.map(({ type }) => type);
    expect(kinds.slice(0, 2)).toEqual(['message_start', 'content_block_start']);
    expect(new Set(kinds.slice(2, -3))).toEqual(new Set(['content_block_delta']));
    expect(kinds.slice(-3)).toEqual(['content_block_stop', 'message_delta', 'message_stop']);
    expect(kinds.length).toBeGreaterThan(12);
    const stream = anthropic.messages.stream({ model: words, max_tokens: 3, messages });
    const said: string[] = [];
    stream.on('text', (text) => said.push(text));
    expect(await stream.finalMessage()).toMatchObject({
      content: [{ type: 'text', text: 'w0 w1 w2' }],
      stop_reason: 'max_tokens',
      usage: { output_tokens: 3 },
    });
    expect(said.join('')).toBe('w0 w1 w2');
  });

  it('passes system and parameters on and stops where they say', async () => {
    const answer = await anthropic.messages.create({
      model: words,
      max_tokens: 100,
      messages,
      system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
      stop_sequences: [' w4'],
      metadata: { user_id: 'me' },
      ...({ temperature: 0.25, top_p: 0.5, top_k: 7 } as object),
    });
    expect(answer).toMatchObject({ content: [{ text: 'w0 w1 w2 w3' }], stop_reason: 'end_turn' });
    expect(isOllama ? asked()['options'] : asked()).toMatchObject({ temperature: 0.25, top_p: 0.5, top_k: 7 });
    expect(JSON.stringify(asked()['messages'])).toContain('{"role":"system","content":"Be brief."}');
  });

  it('calls a tool and takes its answer, an error or not', async () => {
    const model = `${prefix}-caller`;
    const first = await anthropic.messages.create({ model, max_tokens: 100, messages, tools });
    const use = first.content.find((block) => block.type === 'tool_use');
    if (use === undefined) throw new Error('no tool was called');
    expect(first.stop_reason).toBe('tool_use');
    expect(use).toMatchObject({ name: 'get_temperature', input: { city: 'Lisbon', days: 2 } });
    const streamed = await anthropic.messages.stream({ model, max_tokens: 100, messages, tools }).finalMessage();
    expect(streamed).toMatchObject({
      stop_reason: 'tool_use',
      content: [{ type: 'tool_use', name: 'get_temperature', input: { city: 'Lisbon', days: 2 } }],
    });
    for (const is_error of [false, true]) {
      const second = await anthropic.messages.create({
        model,
        max_tokens: 100,
        tools,
        messages: [
          ...messages,
          { role: 'assistant', content: first.content },
          {
            role: 'user',
            content: [
              { type: 'tool_result', tool_use_id: use.id, is_error, content: [{ type: 'text', text: '18 degrees' }] },
            ],
          },
        ],
      });
      expect(second).toMatchObject({
        stop_reason: 'end_turn',
        content: [{ type: 'text', text: 'It is 18 degrees.' }],
      });
      const [, called, result] = asked()['messages'] as Record<string, unknown>[];
      expect(JSON.stringify(called?.['tool_calls'])).toContain('Lisbon');
      expect(result).toMatchObject({ role: 'tool', content: is_error ? 'Error:\n18 degrees' : '18 degrees' });
      if (isOllama) expect(result).toMatchObject({ tool_name: 'get_temperature' });
      else expect(result).toMatchObject({ tool_call_id: use.id });
    }
  });

  it('calls no tool where none may be called, and one where it must', async () => {
    const model = `${prefix}-caller`;
    const none = await anthropic.messages.create({
      model,
      max_tokens: 9,
      messages,
      tools,
      tool_choice: { type: 'none' },
    });
    expect(none).toMatchObject({ stop_reason: 'end_turn', content: [{ text: 'It is 18 degrees.' }] });
    const forced = anthropic.messages.create({ model, max_tokens: 99, messages, tools, tool_choice: { type: 'any' } });
    if (isOllama) await expect(forced).rejects.toThrow(BadRequestError);
    else {
      expect(await forced).toMatchObject({ stop_reason: 'tool_use' });
      expect(asked()['tool_choice']).toBe('required');
    }
  });

  it('shows images', async () => {
    await anthropic.messages.create({
      model: `${prefix}-seer`,
      max_tokens: 100,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } },
            { type: 'text', text: 'What is it?' },
          ],
        },
      ],
    });
    const sent = JSON.stringify(asked()['messages']);
    expect(sent).toContain('What is it?');
    expect(sent).toContain(isOllama ? `"images":["${png}"]` : `"url":"data:image/png;base64,${png}"`);
  });

  it('thinks, whole and streamed, and is shown what it thought', async () => {
    const model = `${prefix}-thinker`;
    const thinking: Anthropic.ThinkingConfigParam = { type: 'enabled', budget_tokens: 1_024 };
    const whole = await anthropic.messages.create({ model, max_tokens: 2_000, messages, thinking });
    expect(whole.content).toMatchObject([
      { type: 'thinking', thinking: 'Seven times six.', signature: expect.stringMatching(/./) },
      { type: 'text', text: 'Forty two.' },
    ]);
    const streamed = await anthropic.messages.stream({ model, max_tokens: 2_000, messages, thinking }).finalMessage();
    expect(streamed.content).toEqual(whole.content);
    await anthropic.messages.create({
      model,
      max_tokens: 2_000,
      thinking: { type: 'disabled' },
      messages: [...messages, { role: 'assistant', content: whole.content }, { role: 'user', content: 'Sure?' }],
    });
    expect(JSON.stringify(asked()['messages'])).toContain('Seven times six.');
    if (isOllama) expect(asked()['think']).toBe(false);
    else expect(asked()['chat_template_kwargs']).toMatchObject({ enable_thinking: false });
  });

  it('lets the wish to think go where the model cannot', async () => {
    const answer = await anthropic.messages.create({
      model: `${prefix}-seer`,
      max_tokens: 2_000,
      messages,
      thinking: { type: 'enabled', budget_tokens: 1_024 },
    });
    expect(answer.content).toHaveLength(1);
  });

  it('answers by a schema', async () => {
    const answer = await anthropic.messages.create({
      model: words,
      max_tokens: 100,
      messages,
      output_config: { format: { type: 'json_schema', schema } },
    });
    expect(JSON.parse(answer.content[0]?.type === 'text' ? answer.content[0].text : '')).toEqual({ answer: 42 });
    expect(JSON.stringify(asked())).toContain(JSON.stringify(schema.properties));
  });

  it('is answered from the cache where it asks for one certain answer, and never in the form of another API', async () => {
    const question = { role: 'user' as const, content: `Again, ${prefix}?` };
    const certain = { model: words, max_tokens: 20, messages: [question], ...({ temperature: 0 } as object) };
    const chat = { model: words, max_tokens: 20, messages: [question], temperature: 0 };
    const kept: (string | null)[] = [];
    for (let count = 0; count < 2; count++) {
      await clients.openai.chat.completions.create(chat);
      const { data, response } = await anthropic.messages.create(certain).withResponse();
      kept.push(response.headers.get('x-waggle-cache'));
      expect(data.content).toMatchObject([{ type: 'text', text: twelve }]);
    }
    expect(kept).toEqual(['miss', 'hit']);
    const streamed = await anthropic.messages.stream(certain).finalMessage();
    expect(streamed.content).toMatchObject([{ type: 'text', text: twelve }]);
  });

  it('leaves, and the engine stops', async () => {
    const stream = await anthropic.messages.create({
      model: `${prefix}-endless`,
      max_tokens: 100_000,
      messages,
      stream: true,
    });
    for await (const event of stream) if (event.type === 'content_block_delta') break;
    const record = await clients.engine(node).waitFor((seen) => seen.clientGoneAt !== undefined);
    expect(record.model).toContain('endless');
    clients.engine(node).requests.clear();
  });

  it('hears errors in its own form', async () => {
    clients
      .engine(node)
      .control.inject({ kind: 'status', status: 400, body: '{"error":"no such thing"}' }, { times: 1 });
    await expect(anthropic.messages.create({ model: words, max_tokens: 9, messages })).rejects.toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      apiMessage: 'no such thing',
      requestID: expect.stringMatching(/./),
    });
    clients.engine(node).control.inject({ kind: 'cut', afterDeltas: 3 }, { times: 1 });
    const stream = await anthropic.messages.create({ model: words, max_tokens: 99, messages, stream: true });
    await expect(collect(stream)).rejects.toMatchObject({ type: 'api_error' });
  });
});

it('names what is wrong', async () => {
  await expect(anthropic.messages.create({ model: 'nobody', max_tokens: 9, messages })).rejects.toThrow(NotFoundError);
  const url: Anthropic.ImageBlockParam = { type: 'image', source: { type: 'url', url: 'https://x.example/a.png' } };
  await expect(
    anthropic.messages.create({ model: 'vllm-words', max_tokens: 9, messages: [{ role: 'user', content: [url] }] }),
  ).rejects.toThrow('messages.0.content.0.source.type');
});

it('counts tokens, and lists models', async () => {
  expect(await anthropic.messages.countTokens({ model: 'vllm-words', messages })).toEqual({
    input_tokens: expect.any(Number),
  });
  const listed = await collect(await anthropic.models.list({ limit: 3 }));
  expect(listed).toHaveLength(clientModels('x').length * 2);
  expect(await anthropic.models.retrieve('vllm-words')).toMatchObject({ type: 'model', id: 'vllm-words' });
  await expect(anthropic.models.retrieve('nobody')).rejects.toBeInstanceOf(APIError);
});
