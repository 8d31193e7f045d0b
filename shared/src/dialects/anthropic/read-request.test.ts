import { describe, expect, test } from 'vitest';
import { ClusterError } from '../../errors/cluster-error.ts';
import { openai } from '../openai/openai.ts';
import { readMessagesRequest } from './read-request.ts';

const png = 'iVBORw0KGgo=';
const user = { role: 'user', content: 'Hi' };
const weather = { name: 'w', description: 'Weather', input_schema: { type: 'object', properties: {} } };

function read(body: object, countsOnly = false) {
  return readMessagesRequest({ model: 'm', max_tokens: 9, messages: [user], ...body }, { countsOnly });
}

/** The chat that engines are asked. */
function chat(body: object): Record<string, unknown> {
  return openai.encodeRequest(read(body).chat).body;
}

function refusal(body: object): ClusterError {
  try {
    read(body);
  } catch (thrown) {
    if (thrown instanceof ClusterError) return thrown;
  }
  throw new Error('it was not refused');
}

test('a bare request says nothing that its client did not', () => {
  expect(chat({})).toEqual({ model: 'm', stream: false, max_tokens: 9, messages: [{ role: 'user', content: 'Hi' }] });
});

test('a request of everything', () => {
  expect(
    chat({
      stream: true,
      system: [
        { type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } },
        { type: 'text', text: 'Be kind.' },
      ],
      temperature: 0.5,
      top_p: 0.9,
      top_k: 40,
      stop_sequences: ['END'],
      metadata: { user_id: 'u' },
      tools: [{ ...weather, cache_control: { type: 'ephemeral' }, strict: true }],
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
      thinking: { type: 'enabled', budget_tokens: 2_000 },
      output_config: { format: { type: 'json_schema', schema: { type: 'object' } } },
    }),
  ).toEqual({
    model: 'm',
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: 9,
    temperature: 0.5,
    top_p: 0.9,
    top_k: 40,
    stop: ['END'],
    messages: [
      { role: 'system', content: 'Be brief.\nBe kind.' },
      { role: 'user', content: 'Hi' },
    ],
    tools: [
      {
        type: 'function',
        function: { name: 'w', description: 'Weather', strict: true, parameters: weather.input_schema },
      },
    ],
    tool_choice: 'required',
    parallel_tool_calls: false,
    chat_template_kwargs: { enable_thinking: true, thinking: true },
    response_format: {
      type: 'json_schema',
      json_schema: { name: 'response', schema: { type: 'object' }, strict: true },
    },
  });
});

test.each([
  [{ type: 'auto' }, 'auto'],
  [{ type: 'none' }, 'none'],
  [{ type: 'any' }, 'required'],
  [
    { type: 'tool', name: 'w' },
    { type: 'function', function: { name: 'w' } },
  ],
])('tool_choice %j', (choice, expected) => {
  expect(chat({ tools: [weather], tool_choice: choice })['tool_choice']).toEqual(expected);
});

test.each([
  [{ thinking: { type: 'disabled' } }, false],
  [{ thinking: { type: 'enabled', budget_tokens: 1_024 } }, true],
  [{ thinking: { type: 'adaptive' } }, true],
  [{ thinking: { type: 'adaptive' }, output_config: { effort: 'xhigh' } }, 'max'],
  [{ thinking: { type: 'between_tools' }, output_config: { effort: 'low' } }, 'low'],
  [{ output_config: { effort: 'high' } }, undefined],
])('%j', (body, think) => {
  expect(read(body).chat.think).toBe(think);
});

describe('a conversation', () => {
  const messages = (list: object[]): unknown => chat({ messages: list })['messages'];

  test('with documents and search results, as the text they are', () => {
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } };
    const found = {
      type: 'search_result',
      title: 'Bees',
      source: 'b.org',
      content: [{ type: 'text', text: 'They dance.' }],
    };
    const plain = { type: 'text', media_type: 'text/plain', data: 'One.' };
    expect(
      messages([
        {
          role: 'user',
          content: [
            { type: 'document', title: 'Report', context: 'Of May', source: plain, citations: { enabled: true } },
            {
              type: 'document',
              title: null,
              source: { type: 'content', content: [{ type: 'text', text: 'Two.' }, image] },
            },
          ],
        },
        { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'w', input: {} }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: [found] }] },
      ]),
    ).toMatchObject([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Report\nOf May\nOne.\nTwo.' },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } },
        ],
      },
      { role: 'assistant' },
      { role: 'tool', tool_call_id: 't', content: 'Bees\nb.org\nThey dance.' },
    ]);
  });

  test('with thinking, calls and results, one of them an error', () => {
    expect(
      messages([
        user,
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'Where?', signature: 's' },
            { type: 'redacted_thinking', data: 'x' },
            { type: 'text', text: 'Let me look.' },
            { type: 'tool_use', id: 'a', name: 'w', input: { city: 'Lisbon' } },
            { type: 'tool_use', id: 'b', name: 'w', input: {} },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'a', content: '18 degrees' },
            { type: 'tool_result', tool_use_id: 'b', is_error: true, content: [{ type: 'text', text: 'No city' }] },
            { type: 'text', text: 'And now?' },
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
      { role: 'tool', content: 'Error:\nNo city', tool_call_id: 'b' },
      { role: 'user', content: 'And now?' },
    ]);
  });

  test('with images, of the user and in a result', () => {
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } };
    const seen = { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } };
    expect(
      messages([
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'a', content: [{ type: 'text', text: 'A page' }, image] },
            { type: 'text', text: 'What is it?' },
            image,
          ],
        },
      ]),
    ).toEqual([
      { role: 'tool', content: 'A page', tool_call_id: 'a' },
      { role: 'user', content: [seen, { type: 'text', text: 'What is it?' }, seen] },
    ]);
  });

  test('whose turns are combined, also with what the system says later', () => {
    expect(
      messages([
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hi' },
        { role: 'user', content: 'there' },
        { role: 'system', content: 'It is late.' },
        { role: 'assistant', content: 'Hello' },
        { role: 'system', content: 'It is later.' },
      ]),
    ).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi\nthere\n<system>\nIt is late.\n</system>' },
      { role: 'assistant', content: 'Hello' },
      { role: 'user', content: '<system>\nIt is later.\n</system>' },
    ]);
    expect(chat({ system: 'One.', messages: [{ role: 'system', content: 'Two.' }, user] })['messages']).toEqual([
      { role: 'system', content: 'One.\nTwo.' },
      { role: 'user', content: 'Hi' },
    ]);
  });

  test('without the line that differs with every request', () => {
    const system = [
      { type: 'text', text: 'x-anthropic-billing-header: v=1; cch=abcde;' },
      { type: 'text', text: 'You help.' },
    ];
    expect(read({ system }).chat.messages[0]).toEqual({
      role: 'system',
      content: [{ type: 'text', text: 'You help.' }],
    });
  });
});

test('keys of engines go on to them', () => {
  expect(read({ seed: 7, min_p: 0.1, keep_alive: '5m' }).passedOn).toEqual({ seed: 7, min_p: 0.1, keep_alive: '5m' });
});

test.each([
  ...['metadata', 'cache_control', 'service_tier', 'diagnostics', 'inference_geo', 'speed', 'user_profile_id'],
  ...['workspace_id', 'context_management', 'betas'],
])('%s is a matter of another service, and goes no further', (key) => {
  const { chat: asked, passedOn } = read({ [key]: { any: 'thing' } });
  expect(passedOn).toEqual({});
  expect(asked).toEqual(read({}).chat);
});

test('only counting needs no max_tokens', () => {
  expect(read({ max_tokens: undefined }, true).chat.sampling).toEqual({});
});

test.each<[string, object, string]>([
  ['max_tokens', { max_tokens: undefined }, 'max_tokens: is required'],
  ['max_tokens', { max_tokens: 0 }, 'max_tokens: must be at least 1'],
  ['max_tokens', { max_tokens: '9' }, 'max_tokens: must be a whole number'],
  ['model', { model: '' }, 'model: is required'],
  ['messages', { messages: [] }, 'messages: at least one message is required'],
  ['messages', { messages: undefined }, 'messages: at least one message is required'],
  ['messages.0', { messages: ['Hi'] }, 'messages.0: must be an object'],
  ['messages.0.role', { messages: [{ role: 'tool', content: '' }] }, 'messages.0.role: must be'],
  ['messages.0.content', { messages: [{ role: 'user' }] }, 'messages.0.content: is required'],
  ['messages.0.content', { messages: [{ role: 'user', content: 5 }] }, 'must be a text or a list'],
  [
    'messages.0.content.0.type',
    { messages: [{ role: 'user', content: [{ type: 'container_upload', file_id: 'f' }] }] },
    'blocks of type "container_upload" are not supported',
  ],
  [
    'messages.0.content.0.source.type',
    { messages: [{ role: 'user', content: [{ type: 'document', source: { type: 'base64' } }] }] },
    'documents are taken as text or as content blocks only',
  ],
  [
    'messages.0.content.0.source.type',
    { messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'url', url: 'https://x/y.png' } }] }] },
    'images are not fetched',
  ],
  [
    'messages.0.content.0.source.data',
    {
      messages: [
        { role: 'user', content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: '%%' } }] },
      ],
    },
    'no valid base64',
  ],
  ['temperature', { temperature: 'hot' }, 'temperature: must be a number'],
  ['stop_sequences', { stop_sequences: [''] }, 'stop_sequences'],
  ['tools.0.type', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }, "Anthropic's service"],
  ['tools.0.input_schema', { tools: [{ name: 'w' }] }, 'is required'],
  ['tool_choice.type', { tool_choice: { type: 'required' } }, 'must be "auto"'],
  ['tool_choice', { tool_choice: { type: 'any' } }, 'no tools to choose from'],
  ['thinking.type', { thinking: { type: 'maybe' } }, 'must be "enabled"'],
  ['mcp_servers', { mcp_servers: [{ url: 'https://x' }] }, "Anthropic's service"],
  ['n', { n: 2 }, 'n: is no parameter of this API'],
  ['Stream', { Stream: true }, 'Stream: is no parameter of this API'],
  ['system.0.type', { system: [{ type: 'image' }] }, 'blocks of type "image"'],
])('%s of %j is refused', (param, body, words) => {
  const error = refusal(body);
  expect(error.httpStatus).toBe(400);
  expect(error.details.param).toBe(param);
  expect(error.message).toContain(words);
});
