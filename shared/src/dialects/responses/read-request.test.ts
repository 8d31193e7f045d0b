import { describe, expect, test } from 'vitest';
import { ClusterError } from '../../errors/cluster-error.ts';
import type { JsonObject } from '../json/json-value.ts';
import type { KeptItems } from './read-items.ts';
import { readResponsesRequest } from './read-request.ts';
import { toSealed } from './reasoning-item.ts';

const nothingKept: KeptItems = {
  before: () => [],
  item: (id) => {
    throw new Error(id);
  },
};

function read(body: object, options: { kept?: Partial<KeptItems>; canThink?: boolean } = {}) {
  const { kept = {}, canThink = true } = options;
  const full = { model: 'm', input: 'Hi', ...body };
  return readResponsesRequest(full, { ...nothingKept, ...kept, canThink: () => canThink });
}

const chat = (body: object): JsonObject => read(body).chat;
const messages = (input: unknown, more: object = {}): unknown => chat({ input, ...more })['messages'];

function refusal(body: object): ClusterError {
  try {
    read(body);
  } catch (thrown) {
    if (thrown instanceof ClusterError) return thrown;
  }
  throw new Error('it was not refused');
}

const weather = { type: 'function', name: 'w', description: 'Weather', parameters: { type: 'object' }, strict: true };
const chatWeather = {
  type: 'function',
  function: { name: 'w', description: 'Weather', parameters: { type: 'object' }, strict: true },
};

test('a bare request says nothing that its client did not', () => {
  expect(chat({})).toEqual({ model: 'm', stream: false, messages: [{ role: 'user', content: 'Hi' }] });
});

test('a request of everything', () => {
  const request = read({
    stream: true,
    instructions: 'Be brief.',
    max_output_tokens: 9,
    temperature: 0.5,
    top_p: 0.9,
    tools: [weather],
    tool_choice: { type: 'function', name: 'w' },
    parallel_tool_calls: false,
    reasoning: { effort: 'low', summary: 'auto' },
    text: { format: { type: 'json_schema', name: 'n', schema: { type: 'object' }, strict: true }, verbosity: 'low' },
    include: ['message.output_text.logprobs', 'reasoning.encrypted_content'],
    top_logprobs: 2,
    metadata: { a: 'b' },
    user: 'u',
    store: false,
    prompt_cache_key: 'k',
    client_metadata: {},
    seed: 7,
  });
  expect(request.chat).toEqual({
    seed: 7,
    model: 'm',
    stream: true,
    stream_options: { include_usage: true },
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi' },
    ],
    max_tokens: 9,
    temperature: 0.5,
    top_p: 0.9,
    tools: [chatWeather],
    tool_choice: { type: 'function', function: { name: 'w' } },
    parallel_tool_calls: false,
    response_format: { type: 'json_schema', json_schema: { name: 'n', schema: { type: 'object' }, strict: true } },
    verbosity: 'low',
    logprobs: true,
    top_logprobs: 2,
    reasoning_effort: 'low',
    chat_template_kwargs: { enable_thinking: true, thinking: true },
  });
  expect(request).toMatchObject({ store: false, reasoning: { asSummary: true, isSealed: true } });
  expect(request.echo).toMatchObject({
    model: 'm',
    instructions: 'Be brief.',
    max_output_tokens: 9,
    temperature: 0.5,
    tools: [weather],
    tool_choice: { type: 'function', name: 'w' },
    parallel_tool_calls: false,
    reasoning: { effort: 'low', summary: 'auto' },
    metadata: { a: 'b' },
    store: false,
    user: 'u',
    prompt_cache_key: 'k',
  });
});

test.each([{ background: false }, { conversation: null }, { prompt: null }, { context_management: [] }])(
  '%j asks for nothing',
  (body) => {
    expect(read(body).chat).toEqual(read({}).chat);
  },
);

test('a wish to think goes where nobody would take it, and the response shows that', () => {
  const request = read({ reasoning: { effort: 'high' } }, { canThink: false });
  expect(JSON.stringify(request.chat)).not.toContain('effort');
  expect(request.echo['reasoning']).toEqual({ effort: null, summary: null });
  expect(read({ reasoning: { effort: 'none' } }, { canThink: false }).chat['reasoning_effort']).toBe('none');
});

describe('items', () => {
  test('of a conversation with thinking, calls and their outputs', () => {
    expect(
      messages([
        { role: 'user', content: 'Hi' },
        { type: 'reasoning', id: 'rs', summary: [], content: [{ type: 'reasoning_text', text: 'Where?' }] },
        { type: 'message', role: 'assistant', id: 'x', content: [{ type: 'output_text', text: 'Let me look.' }] },
        { type: 'function_call', call_id: 'a', name: 'w', arguments: '{"city":"Lisbon"}' },
        { type: 'function_call', call_id: 'b', name: 'w', arguments: '' },
        { type: 'function_call_output', call_id: 'a', output: '18 degrees' },
        { type: 'function_call_output', call_id: 'b', output: [{ type: 'input_text', text: 'none' }] },
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'And' },
            { type: 'input_text', text: 'now?' },
          ],
        },
      ]),
    ).toEqual([
      { role: 'user', content: 'Hi' },
      {
        role: 'assistant',
        content: 'Let me look.',
        reasoning: 'Where?',
        reasoning_content: 'Where?',
        tool_calls: [
          { id: 'a', type: 'function', function: { name: 'w', arguments: '{"city":"Lisbon"}' } },
          { id: 'b', type: 'function', function: { name: 'w', arguments: '{}' } },
        ],
      },
      { role: 'tool', content: '18 degrees', tool_call_id: 'a' },
      { role: 'tool', content: 'none', tool_call_id: 'b' },
      { role: 'user', content: 'And\nnow?' },
    ]);
  });

  test('what the system says at the beginning is one message', () => {
    expect(
      messages(
        [
          { role: 'developer', content: 'You code.' },
          { role: 'user', content: 'Hi' },
          { role: 'developer', content: 'Faster.' },
          { role: 'user', content: 'now' },
        ],
        { instructions: 'Be brief.' },
      ),
    ).toEqual([
      { role: 'system', content: 'Be brief.\nYou code.' },
      { role: 'user', content: 'Hi\n<system>\nFaster.\n</system>\nnow' },
    ]);
  });

  test('thinking from wherever it is kept, but not what others sealed', () => {
    const said = { role: 'assistant', content: 'So.' };
    const thought = (item: object): unknown =>
      (messages([{ type: 'reasoning', summary: [], ...item }, said]) as JsonObject[])[0]?.['reasoning'];
    expect(thought({ summary: [{ type: 'summary_text', text: 'Hm.' }] })).toBe('Hm.');
    expect(thought({ encrypted_content: toSealed('Hm, ä.') })).toBe('Hm, ä.');
    expect(thought({ encrypted_content: 'gAAAA' })).toBeUndefined();
  });

  test('images of results that belong to one turn come after the last of them', () => {
    const image = { type: 'input_image', image_url: 'https://x.example/y.png' };
    const seen = { type: 'image_url', image_url: { url: 'https://x.example/y.png' } };
    const calls = ['a', 'b'].map((call_id) => ({ type: 'function_call', call_id, name: 'w', arguments: '{}' }));
    const outputs = ['a', 'b'].map((call_id) => ({ type: 'function_call_output', call_id, output: [image] }));
    expect(messages([...calls, ...outputs])).toMatchObject([
      { role: 'assistant' },
      { role: 'tool', tool_call_id: 'a' },
      { role: 'tool', tool_call_id: 'b' },
      { role: 'user', content: [seen, seen] },
    ]);
    expect(messages([...calls, ...outputs, { role: 'user', content: 'Well?' }])).toMatchObject([
      { role: 'assistant' },
      { role: 'tool' },
      { role: 'tool' },
      { role: 'user', content: [seen, seen, { type: 'text', text: 'Well?' }] },
    ]);
  });

  test('images, of users and of tools', () => {
    const image = { type: 'input_image', image_url: 'https://x.example/y.png', detail: 'low' };
    const seen = { type: 'image_url', image_url: { url: 'https://x.example/y.png', detail: 'low' } };
    expect(
      messages([
        { role: 'user', content: [{ type: 'input_text', text: 'What?' }, image] },
        { type: 'function_call_output', call_id: 'a', output: [image, { type: 'input_text', text: 'A page' }] },
      ]),
    ).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'What?' }, seen] },
      { role: 'tool', content: 'A page', tool_call_id: 'a' },
      { role: 'user', content: [seen] },
    ]);
  });

  test('kept ones come first, or where they are referred to', () => {
    const earlier = { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Earlier' }] };
    const kept: Partial<KeptItems> = {
      before: (id) => [{ ...earlier, id }],
      item: (id) => ({ type: 'message', role: 'assistant', id, content: [{ type: 'output_text', text: 'Said' }] }),
    };
    const request = read({ previous_response_id: 'resp_1', input: [{ type: 'item_reference', id: 'i' }] }, { kept });
    expect(request.chat['messages']).toEqual([
      { role: 'user', content: 'Earlier' },
      { role: 'assistant', content: 'Said' },
    ]);
    expect(request.input).toHaveLength(1);
  });
});

describe('tools', () => {
  test('of namespaces and custom ones are functions for the model', () => {
    const { chat: body, tools } = read({
      tools: [
        { type: 'namespace', name: 'mcp__files', description: 'd', tools: [{ ...weather, name: 'read' }] },
        { type: 'custom', name: 'patch', description: 'Patches', format: { type: 'grammar', definition: 'start: x' } },
      ],
      input: [
        { type: 'function_call', call_id: 'a', namespace: 'mcp__files', name: 'read', arguments: '{}' },
        { type: 'custom_tool_call', call_id: 'b', name: 'patch', input: 'x' },
        { type: 'custom_tool_call_output', call_id: 'b', output: 'done' },
      ],
    });
    expect(body['tools']).toMatchObject([
      { function: { name: 'mcp__files__read' } },
      { function: { name: 'patch', description: expect.stringContaining('start: x'), parameters: { type: 'object' } } },
    ]);
    expect(tools.get('mcp__files__read')).toEqual({ kind: 'function', namespace: 'mcp__files', name: 'read' });
    expect(body['messages']).toMatchObject([
      {
        tool_calls: [
          { id: 'a', function: { name: 'mcp__files__read' } },
          { id: 'b', function: { name: 'patch', arguments: '{"input":"x"}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'b', content: 'done' },
    ]);
  });

  test('may be allowed in part', () => {
    const other = { ...weather, name: 'v' };
    const choice = { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'w' }] };
    expect(chat({ tools: [other, weather], tool_choice: choice })).toMatchObject({
      tools: [chatWeather],
      tool_choice: 'required',
    });
  });

  test('that are only offered beside own ones are left out, and the response shows that', () => {
    const request = read({ tools: [weather, { type: 'web_search', external_web_access: false }] });
    expect(request.chat['tools']).toEqual([chatWeather]);
    expect(request.echo['tools']).toEqual([weather]);
  });
});

test.each<[string, object, string]>([
  ['model', { model: undefined }, 'is required'],
  ['input', { input: undefined }, 'is required'],
  ['input', { input: 5 }, 'must be a list'],
  ['input[0].role', { input: [{ role: 'tool', content: 'x' }] }, 'must be "user"'],
  ['input[0].type', { input: [{ type: 'file_search_call', id: 'x' }] }, 'not supported'],
  [
    'input[0].content[0].type',
    { input: [{ role: 'user', content: [{ type: 'input_file' }] }] },
    'files are not supported',
  ],
  [
    'input[0].content[0].file_id',
    { input: [{ role: 'user', content: [{ type: 'input_image', file_id: 'f' }] }] },
    'no stored files',
  ],
  ['input[0].call_id', { input: [{ type: 'function_call_output', output: 'x' }] }, 'is required'],
  ['tools[0].type', { tools: [{ type: 'web_search' }] }, 'are not supported'],
  ['tools[1].type', { tools: [weather, { type: 'file_search', vector_store_ids: ['v'] }] }, 'are not supported'],
  ['tools[1].name', { tools: [weather, weather] }, 'there are two tools'],
  ['tool_choice', { tools: [weather], tool_choice: { type: 'file_search' } }, 'no tool of your own'],
  ['tool_choice', { tool_choice: 'required' }, 'no tools to choose from'],
  ['tool_choice', { tool_choice: 'maybe' }, 'must be "none"'],
  ['background', { background: true }, 'is not supported'],
  ['conversation', { conversation: 'conv_1' }, 'is not supported'],
  ['prompt', { prompt: { id: 'p' } }, 'is not supported'],
  ['text.format.type', { text: { format: { type: 'xml' } } }, 'must be "text"'],
  ['text.format.name', { text: { format: { type: 'json_schema', schema: {} } } }, 'is required'],
  ['reasoning.effort', { reasoning: { effort: 'huge' } }, 'must be one of'],
  ['max_output_tokens', { max_output_tokens: 0 }, 'at least 1'],
  ['temperature', { temperature: 'hot' }, 'must be a number'],
  ['messages', { messages: [] }, 'is no parameter of this API'],
])('%s of %j is refused', (param, body, words) => {
  const error = refusal(body);
  expect(error.httpStatus).toBe(400);
  expect(error.details.param).toBe(param);
  expect(error.message).toContain(words);
});
