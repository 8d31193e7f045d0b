import type OpenAI from 'openai';
import { BadRequestError, NotFoundError } from 'openai';
import { toResponseInputItems } from 'openai/lib/responses/ResponseInputItems.mjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collect } from '../src/cluster/collect.ts';
import { countedText } from '../src/engines/answer-script.ts';
import { clientModels, png, schema, thermometer } from './client-models.ts';
import { EngineCluster } from './engine-cluster.ts';

type Responses = OpenAI.Responses.ResponseInput;

const twelve = countedText(12);
const input = 'Hello there';
const tools: OpenAI.Responses.FunctionTool[] = [{ type: 'function', strict: null, ...thermometer.function }];
let clients: EngineCluster;
let openai: OpenAI;

beforeAll(async () => {
  clients = await EngineCluster.start({
    desk: { ollama: { models: clientModels('ollama'), maxLoadedModels: 6 } },
    rack: { openai: { models: clientModels('vllm') } },
  });
  openai = clients.openai;
});
afterAll(() => clients?.[Symbol.asyncDispose]());

describe.each([
  { engine: 'Ollama', node: 'desk', prefix: 'ollama' },
  { engine: 'vLLM', node: 'rack', prefix: 'vllm' },
])('npm openai, responses, in front of $engine', ({ node, prefix }) => {
  const words = `${prefix}-words`;
  const isOllama = prefix === 'ollama';
  const asked = (): Record<string, unknown> =>
    clients.engine(node).requests.all.at(-1)?.body as Record<string, unknown>;

  it('answers whole, and counts', async () => {
    const { data, response } = await openai.responses
      .create({ model: words, input, instructions: 'Be brief.', metadata: { a: 'b' } })
      .withResponse();
    expect(data).toMatchObject({
      object: 'response',
      model: words,
      status: 'completed',
      output_text: twelve,
      error: null,
      incomplete_details: null,
      instructions: 'Be brief.',
      metadata: { a: 'b' },
      tools: [],
      tool_choice: 'auto',
      parallel_tool_calls: true,
      usage: { output_tokens: 12, output_tokens_details: { reasoning_tokens: 0 } },
    });
    expect(data.usage?.total_tokens).toBe((data.usage?.input_tokens ?? 0) + 12);
    expect(response.headers.get('x-waggle-node')).toBe(node);
    const requestId = response.headers.get('x-request-id');
    const record = await clients.cluster.get<{ endpoint: string }>(`/api/requests/${requestId}`);
    expect(record.endpoint).toBe('openai.responses');
    expect(JSON.stringify(asked()['messages'])).toContain('{"role":"system","content":"Be brief."}');
  });

  it('streams events in their order, counted, and the helper rebuilds the response', async () => {
    const events = await collect(await openai.responses.create({ model: words, input, stream: true }));
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
    const kinds = events.map(({ type }) => type.replace('response.', ''));
    expect(kinds.slice(0, 4)).toEqual(['created', 'in_progress', 'output_item.added', 'content_part.added']);
    expect(new Set(kinds.slice(4, -4))).toEqual(new Set(['output_text.delta']));
    expect(kinds.slice(-4)).toEqual(['output_text.done', 'content_part.done', 'output_item.done', 'completed']);
    const final = await openai.responses.stream({ model: words, input, max_output_tokens: 16 }).finalResponse();
    expect(final).toMatchObject({ status: 'completed', output_text: twelve, max_output_tokens: 16 });
  });

  it('is incomplete where it was cut', async () => {
    const whole = await openai.responses.create({ model: words, input, max_output_tokens: 3 });
    const said = { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, output_text: 'w0 w1 w2' };
    expect(whole).toMatchObject(said);
    const events = await collect(
      await openai.responses.create({ model: words, input, max_output_tokens: 3, stream: true }),
    );
    expect(events.at(-1)).toMatchObject({ type: 'response.incomplete', response: { status: 'incomplete' } });
  });

  it('passes parameters on', async () => {
    await openai.responses.create({ model: words, input, temperature: 0.25, top_p: 0.5, ...({ seed: 7 } as object) });
    expect(isOllama ? asked()['options'] : asked()).toMatchObject({ temperature: 0.25, top_p: 0.5, seed: 7 });
  });

  it('calls a function and takes its output, stateless and by the id of the response', async () => {
    const model = `${prefix}-caller`;
    const first = await openai.responses.create({ model, input, tools });
    const [call] = first.output;
    if (call?.type !== 'function_call') throw new Error('no function was called');
    expect(call.name).toBe('get_temperature');
    expect(JSON.parse(call.arguments)).toEqual({ city: 'Lisbon', days: 2 });
    const streamed = await openai.responses.stream({ model, input, tools }).finalResponse();
    expect(streamed.output).toMatchObject([{ type: 'function_call', name: 'get_temperature', status: 'completed' }]);
    const output: Responses[number] = { type: 'function_call_output', call_id: call.call_id, output: '18 degrees' };
    const stateless = await openai.responses.create({
      model,
      tools,
      store: false,
      input: [{ role: 'user', content: input }, ...toResponseInputItems(first.output), output],
    });
    const sent = JSON.stringify(asked()['messages']);
    const linked = await openai.responses.create({ model, tools, previous_response_id: first.id, input: [output] });
    for (const second of [stateless, linked]) expect(second.output_text).toBe('It is 18 degrees.');
    expect(JSON.stringify(asked()['messages'])).toBe(sent);
    expect(sent).toContain('Lisbon');
    expect(sent).toContain('18 degrees');
  });

  it('calls none where none may be called, and one where it must', async () => {
    const model = `${prefix}-caller`;
    const none = await openai.responses.create({ model, input, tools, tool_choice: 'none' });
    expect(none.output_text).toBe('It is 18 degrees.');
    const forced = openai.responses.create({ model, input, tools, tool_choice: 'required' });
    if (isOllama) await expect(forced).rejects.toThrow(BadRequestError);
    else expect((await forced).output).toMatchObject([{ type: 'function_call' }]);
  });

  it('thinks, and is shown what it thought', async () => {
    const model = `${prefix}-thinker`;
    const whole = await openai.responses.create({
      model,
      input,
      reasoning: { effort: 'high' },
      include: ['reasoning.encrypted_content'],
      store: false,
    });
    expect(whole.output).toMatchObject([
      {
        type: 'reasoning',
        summary: [],
        content: [{ type: 'reasoning_text', text: 'Seven times six.' }],
        encrypted_content: expect.any(String),
      },
      { type: 'message', content: [{ type: 'output_text', text: 'Forty two.' }] },
    ]);
    expect(whole.usage?.output_tokens_details.reasoning_tokens).toBeGreaterThan(0);
    const streamed = await openai.responses
      .stream({ model, input, reasoning: { effort: 'low', summary: 'auto' } })
      .finalResponse();
    expect(streamed.output).toMatchObject([
      { type: 'reasoning', summary: [{ type: 'summary_text', text: 'Seven times six.' }] },
      { type: 'message' },
    ]);
    expect(streamed.reasoning).toMatchObject({ effort: 'low', summary: 'auto' });
    await openai.responses.create({
      model,
      reasoning: { effort: 'none' },
      input: [
        { role: 'user', content: input },
        ...toResponseInputItems(whole.output),
        { role: 'user', content: 'Sure?' },
      ],
    });
    expect(JSON.stringify(asked()['messages'])).toContain('Seven times six.');
    if (isOllama) expect(asked()['think']).toBe(false);
    else expect(asked()['reasoning_effort']).toBe('none');
  });

  it('lets the wish to think go where the model cannot', async () => {
    const answer = await openai.responses.create({ model: `${prefix}-seer`, input, reasoning: { effort: 'high' } });
    expect(answer.status).toBe('completed');
  });

  it('shows images', async () => {
    await openai.responses.create({
      model: `${prefix}-seer`,
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'What is it?' },
            { type: 'input_image', detail: 'auto', image_url: `data:image/png;base64,${png}` },
          ],
        },
      ],
    });
    const sent = JSON.stringify(asked()['messages']);
    expect(sent).toContain('What is it?');
    expect(sent).toContain(isOllama ? `"images":["${png}"]` : `"url":"data:image/png;base64,${png}"`);
  });

  it('answers as JSON, free and by a schema', async () => {
    const free = await openai.responses.create({ model: words, input, text: { format: { type: 'json_object' } } });
    expect(JSON.parse(free.output_text)).toEqual({ answer: 42 });
    const bound = await openai.responses.parse({
      model: words,
      input,
      text: { format: { type: 'json_schema', name: 'reply', schema, strict: true } },
    });
    expect(bound.output_parsed).toEqual({ answer: 42 });
    expect(JSON.stringify(asked())).toContain(JSON.stringify(schema.properties));
  });

  it('leaves, and the engine stops', async () => {
    const stream = await openai.responses.create({ model: `${prefix}-endless`, input, stream: true });
    for await (const event of stream) if (event.type === 'response.output_text.delta') break;
    const record = await clients.engine(node).waitFor((seen) => seen.clientGoneAt !== undefined);
    expect(record.model).toContain('endless');
    clients.engine(node).requests.clear();
  });

  it('hears of failures, before the first word and after it', async () => {
    const { control } = clients.engine(node);
    control.inject({ kind: 'status', status: 400, body: '{"error":"no such thing"}' }, { times: 1 });
    await expect(openai.responses.create({ model: words, input })).rejects.toMatchObject({
      status: 400,
      error: { message: 'no such thing' },
    });
    control.inject({ kind: 'cut', afterDeltas: 3 }, { times: 1 });
    const events = await collect(await openai.responses.create({ model: words, input, stream: true }));
    expect(events.at(-1)).toMatchObject({
      type: 'response.failed',
      response: { status: 'failed', error: { code: 'server_error' }, output: [{ status: 'incomplete' }] },
    });
  });
});

it('keeps responses, lists their input, deletes them', async () => {
  const model = 'vllm-words';
  const first = await openai.responses.create({ model, input });
  const second = await openai.responses.create({ model, input: 'And?', previous_response_id: first.id });
  expect((await openai.responses.retrieve(second.id)).output).toEqual(second.output);
  const items = await collect(openai.responses.inputItems.list(second.id, { order: 'asc', limit: 2 }));
  expect(items.map((item) => ('role' in item ? item.role : item.type))).toEqual(['user', 'assistant', 'user']);
  await openai.responses.delete(second.id);
  await expect(openai.responses.retrieve(second.id)).rejects.toThrow(NotFoundError);
  await expect(openai.responses.cancel(first.id)).rejects.toThrow(BadRequestError);
  expect(await openai.responses.inputTokens.count({ model, input })).toMatchObject({ object: 'response.input_tokens' });
});

it('names what is not supported', async () => {
  const model = 'vllm-words';
  await expect(
    openai.responses.create({ model, input, tools: [{ type: 'file_search', vector_store_ids: ['vs_1'] }] }),
  ).rejects.toMatchObject({ status: 400, param: 'tools[0].type' });
  await expect(openai.responses.create({ model, input, background: true })).rejects.toMatchObject({
    status: 400,
    param: 'background',
  });
  await expect(openai.responses.create({ model: 'nobody', input })).rejects.toThrow(NotFoundError);
});
