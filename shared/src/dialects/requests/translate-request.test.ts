import { describe, expect, test } from 'vitest';
import { type EndpointName, endpoints } from '../../chat/endpoints.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import { readRecordings } from '../answers/recordings.ts';
import { dialects } from '../dialects.ts';

/** A client's request for an engine of the other family. */
function translate(source: EndpointName, body: unknown) {
  const { dialect } = endpoints[source];
  const request = dialects[dialect].decodeRequest(source, body);
  return dialects[dialect === 'ollama' ? 'openai' : 'ollama'].encodeRequest(request, { source });
}

const user = { role: 'user', content: 'Hi' };
const png = 'iVBORw0KGgo=';
const weather = {
  type: 'function',
  function: { name: 'w', description: 'Weather', parameters: { type: 'object', properties: {} } },
};

describe('from OpenAI to Ollama', () => {
  const chat = (body: object) => translate('openai.chat', { model: 'm', messages: [user], ...body });

  test('with the defaults of the /v1 of Ollama, and without cutting long prompts', () => {
    expect(chat({})).toEqual({
      endpoint: 'ollama.chat',
      body: { model: 'm', stream: false, options: { temperature: 1, top_p: 1 }, truncate: false, messages: [user] },
    });
  });

  test.each<[string, object, object]>([
    ['newer bound', { max_completion_tokens: 9, max_tokens: 5 }, { options: { num_predict: 9 } }],
    [
      'sampling',
      { temperature: 0, top_p: 0.5, seed: 3, stop: 'x', frequency_penalty: 1, presence_penalty: 2 },
      { options: { temperature: 0, top_p: 0.5, seed: 3, stop: ['x'], frequency_penalty: 1, presence_penalty: 2 } },
    ],
    [
      'names of other engines',
      { top_k: 5, min_p: 0.1, repetition_penalty: 1.1 },
      { options: { top_k: 5, min_p: 0.1, repeat_penalty: 1.1 } },
    ],
    ['JSON', { response_format: { type: 'json_object' } }, { format: 'json' }],
    [
      'a schema',
      {
        response_format: { type: 'json_schema', json_schema: { name: 'n', strict: true, schema: { type: 'object' } } },
      },
      { format: { type: 'object' } },
    ],
    ['effort', { reasoning_effort: 'xhigh' }, { think: 'max' }],
    ['no thinking', { reasoning_effort: 'none' }, { think: false }],
    ['the template switch', { chat_template_kwargs: { enable_thinking: false } }, { think: false }],
    ['log probabilities', { logprobs: true, top_logprobs: 2 }, { logprobs: true, top_logprobs: 2 }],
    ['tools', { tools: [weather], tool_choice: 'auto', parallel_tool_calls: true }, { tools: [weather] }],
    ['keep_alive', { keep_alive: '5m' }, { keep_alive: '5m' }],
  ])('%s', (_, body, expected) => {
    expect(chat(body).body).toMatchObject(expected);
  });

  test('what changes nothing is let go', () => {
    expect(
      chat({
        user: 'u',
        metadata: {},
        store: true,
        n: 1,
        logit_bias: {},
        service_tier: 'auto',
        response_format: { type: 'text' },
      }),
    ).toEqual(chat({}));
    expect(chat({ tools: [weather], tool_choice: 'none' }).body).not.toHaveProperty('tools');
  });

  test.each<[string, object]>([
    ['tool_choice', { tools: [weather], tool_choice: 'required' }],
    ['tool_choice', { tools: [weather], tool_choice: { type: 'function', function: { name: 'w' } } }],
    ['tool_choice', { tools: [weather], tool_choice: { type: 'allowed_tools' } }],
    ['ignore_eos', { ignore_eos: true }],
    ['min_tokens', { min_tokens: 5 }],
    ['stop_token_ids', { stop_token_ids: [1] }],
    ['continue_final_message', { continue_final_message: true }],
    ['add_generation_prompt', { add_generation_prompt: false }],
    ['thinking_token_budget', { thinking_token_budget: 10 }],
    ['structured_outputs', { structured_outputs: { regex: 'a' } }],
    ['web_search_options', { web_search_options: {} }],
    ['function_call', { function_call: { name: 'f' } }],
    ['mirostat', { mirostat: 2 }],
    ['tools', { tools: [{ type: 'web_search' }] }],
    ['n', { n: 2 }],
    ['logit_bias', { logit_bias: { 5: 1 } }],
    ['functions', { functions: [{}] }],
    ['modalities', { modalities: ['text', 'audio'] }],
    ['response_format', { response_format: { type: 'grammar' } }],
    ['structured_outputs', { structured_outputs: { regex: 'a' } }],
  ])('%s is refused by name', (param, body) => {
    expect(errorOf(() => chat(body))).toMatchObject({ code: 'unsupported', details: { param }, httpStatus: 400 });
  });

  test.each([
    { parallel_tool_calls: false, tools: [weather] },
    { functions: [], function_call: 'none' },
    { audio: { voice: 'alto', format: 'wav' }, modalities: ['text'] },
    { prediction: { type: 'content', content: 'a' } },
    {
      ignore_eos: false,
      min_tokens: 0,
      stop_token_ids: [],
      continue_final_message: false,
      add_generation_prompt: true,
    },
    { grammar: '', structured_outputs: {}, reasoning_format: 'auto', mirostat: 0, skip_special_tokens: true },
    { user: 'me', metadata: {}, store: true, service_tier: 'auto', cache_prompt: false, id_slot: 1, unheard_of: 1 },
  ])('%j asks for nothing that would be lost', (body) => {
    const { tools } = body as { tools?: unknown };
    expect(chat(body)).toEqual(chat(tools === undefined ? {} : { tools }));
  });

  test('a schema under the names of vLLM and llama-server', () => {
    const schema = { type: 'object' };
    const expected = chat({ response_format: { type: 'json_schema', json_schema: { schema } } });
    expect(chat({ json_schema: schema })).toEqual(expected);
    expect(chat({ guided_json: schema })).toEqual(expected);
  });

  test('a conversation with images, thinking and tools, in several messages where Ollama splits', () => {
    const messages = [
      { role: 'developer', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } },
          { type: 'text', text: 'b' },
        ],
      },
      {
        role: 'assistant',
        content: null,
        reasoning_content: 'hm',
        tool_calls: [{ id: 'c1', type: 'function', function: { name: 'w', arguments: '{"b":1,"a":2}' } }],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'rain' },
    ];
    expect(chat({ messages }).body['messages']).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'a' },
      { role: 'user', content: '', images: [png] },
      { role: 'user', content: 'b' },
      {
        role: 'assistant',
        content: '',
        thinking: 'hm',
        tool_calls: [{ id: 'c1', function: { index: 0, name: 'w', arguments: { b: 1, a: 2 } } }],
      },
      { role: 'tool', content: 'rain', tool_name: 'w', tool_call_id: 'c1' },
    ]);
  });

  test.each<[string, unknown]>([
    [
      'image URLs are not currently supported, please use base64 encoded data instead',
      [{ type: 'image_url', image_url: 'https://a/b.png' }],
    ],
    ['invalid image input', [{ type: 'image_url', image_url: { url: 'data:image/gif;base64,AAAA' } }]],
    ['invalid image input', [{ type: 'image_url', image_url: { url: 'data:image/png;base64,@@@@' } }]],
    ['invalid message format', [{ type: 'file' }]],
    ['invalid message content type: <nil>', null],
  ])('%s', (message, content) => {
    expect(errorOf(() => chat({ messages: [{ role: 'user', content }] }))).toMatchObject({
      code: 'bad-request',
      message,
    });
  });

  test('sound goes where Ollama takes it', () => {
    const content = [{ type: 'input_audio', input_audio: { data: 'AAAA', format: 'mp3' } }];
    expect(chat({ messages: [{ role: 'user', content }] }).body['messages']).toEqual([
      { role: 'user', content: '', images: ['AAAA'] },
    ]);
  });

  test('completions', () => {
    const body = { model: 'm', prompt: ['a'], suffix: 'b', max_tokens: 3, logprobs: 2, stream: true };
    expect(translate('openai.completions', body)).toEqual({
      endpoint: 'ollama.generate',
      body: {
        model: 'm',
        stream: true,
        options: { num_predict: 3, temperature: 1, top_p: 1 },
        logprobs: true,
        top_logprobs: 2,
        truncate: false,
        prompt: 'a',
        suffix: 'b',
      },
    });
    for (const [param, extra] of [
      ['prompt', { prompt: ['a', 'b'] }],
      ['prompt', { prompt: [1, 2] }],
      ['echo', { echo: true }],
      ['best_of', { best_of: 2 }],
    ] as const)
      expect(errorOf(() => translate('openai.completions', { model: 'm', ...extra }))).toMatchObject({
        code: 'unsupported',
        details: { param },
      });
  });

  test('embeddings', () => {
    expect(translate('openai.embeddings', { model: 'm', input: '', encoding_format: 'base64', dimensions: 4 })).toEqual(
      {
        endpoint: 'ollama.embed',
        body: { model: 'm', input: [''], dimensions: 4 },
      },
    );
    expect(errorOf(() => translate('openai.embeddings', { model: 'm', input: [1, 2] }))).toMatchObject({
      code: 'unsupported',
    });
  });
});

describe('from Ollama to OpenAI', () => {
  const chat = (body: object) => translate('ollama.chat', { model: 'm', messages: [user], ...body });

  test('streams, and wants the token counts', () => {
    expect(chat({})).toEqual({
      endpoint: 'openai.chat',
      body: { model: 'm', stream: true, stream_options: { include_usage: true }, messages: [user] },
    });
    expect(chat({ stream: false }).body).toEqual({ model: 'm', stream: false, messages: [user] });
  });

  test.each<[string, object, object]>([
    [
      'sampling',
      { options: { num_predict: 5, temperature: 0, top_k: 3, min_p: 0.1, repeat_penalty: 1.2, seed: 7, stop: ['x'] } },
      {
        max_tokens: 5,
        temperature: 0,
        top_k: 3,
        min_p: 0.1,
        repetition_penalty: 1.2,
        repeat_penalty: 1.2,
        seed: 7,
        stop: ['x'],
      },
    ],
    ['JSON', { format: 'json' }, { response_format: { type: 'json_object' } }],
    [
      'a schema',
      { format: { type: 'object' } },
      {
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'response', schema: { type: 'object' }, strict: true },
        },
      },
    ],
    ['thinking', { think: true }, { chat_template_kwargs: { enable_thinking: true } }],
    ['no thinking', { think: false }, { chat_template_kwargs: { enable_thinking: false } }],
    ['how hard', { think: 'max' }, { reasoning_effort: 'high', chat_template_kwargs: { enable_thinking: true } }],
    ['tools', { tools: [weather] }, { tools: [weather] }],
    ['log probabilities', { logprobs: true, top_logprobs: 1 }, { logprobs: true, top_logprobs: 1 }],
  ])('%s', (_, body, expected) => {
    expect(chat(body).body).toMatchObject(expected);
  });

  test('what belongs to the runner or means "as you like" stays behind', () => {
    const options = { num_ctx: 4096, num_thread: 1, num_gpu: 0, num_predict: -1, seed: -1, unknown: 1 };
    expect(chat({ options, keep_alive: '5m', truncate: true, shift: false })).toEqual(chat({}));
  });

  test('nor do other tokens of log probabilities that nobody asked for', () => {
    expect(chat({ logprobs: false, top_logprobs: 2 }).body['top_logprobs']).toBeUndefined();
  });

  test('an endless context is refused by name', () => {
    expect(errorOf(() => chat({ shift: true }))).toMatchObject({ code: 'unsupported', details: { param: 'shift' } });
  });

  test('a conversation whose calls have no ids', () => {
    const call = (name: string, given: object) => ({ function: { name, arguments: given } });
    const messages = [
      { role: 'USER', content: 'a', images: [png] },
      { role: 'assistant', content: '', thinking: 'hm', tool_calls: [call('one', { x: 1 }), call('two', {})] },
      { role: 'tool', tool_name: 'two', content: '2' },
      { role: 'tool', content: '1' },
    ];
    expect(chat({ messages }).body['messages']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } },
        ],
      },
      {
        role: 'assistant',
        content: '',
        reasoning: 'hm',
        reasoning_content: 'hm',
        tool_calls: [
          { id: 'call00000', type: 'function', function: { name: 'one', arguments: '{"x":1}' } },
          { id: 'call00001', type: 'function', function: { name: 'two', arguments: '{}' } },
        ],
      },
      { role: 'tool', content: '2', tool_call_id: 'call00001', name: 'two' },
      { role: 'tool', content: '1', tool_call_id: 'call00000' },
    ]);
  });

  test('a templated prompt is a chat', () => {
    expect(
      translate('ollama.generate', { model: 'm', prompt: 'a', system: 's', images: [png], stream: false }),
    ).toMatchObject({
      endpoint: 'openai.chat',
      body: {
        messages: [
          { role: 'system', content: 's' },
          { role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'image_url' }] },
        ],
      },
    });
  });

  test('a raw prompt, or one with a suffix, is a completion', () => {
    expect(translate('ollama.generate', { model: 'm', prompt: 'a', raw: true, stream: false, format: 'json' })).toEqual(
      {
        endpoint: 'openai.completions',
        body: {
          model: 'm',
          stream: false,
          prompt: 'a',
          response_format: { type: 'json_object' },
          json_schema: { type: 'object' },
        },
      },
    );
    expect(translate('ollama.generate', { model: 'm', prompt: 'a', suffix: 'b' })).toMatchObject({
      endpoint: 'openai.completions',
      body: { prompt: 'a', suffix: 'b' },
    });
  });

  test.each<[string, object]>([
    ['template', { template: '{{ .Prompt }}' }],
    ['context', { context: [1] }],
    ['images', { raw: true, images: [png] }],
    ['system', { suffix: 'b', system: 's' }],
    ['think', { raw: true, think: true }],
    ['shift', { shift: true }],
    ['_debug_render_only', { _debug_render_only: true }],
  ])('%s is refused by name', (param, body) => {
    const error = errorOf(() => translate('ollama.generate', { model: 'm', prompt: 'a', ...body }));
    expect(error).toMatchObject({ code: 'unsupported', details: { param } });
  });

  test('what Ollama itself refuses is refused', () => {
    const images = ['data:image/png;base64,AAAA'];
    expect(errorOf(() => chat({ messages: [{ ...user, images }] }))?.message).toBe(
      'illegal base64 data at input byte 4',
    );
    expect(errorOf(() => chat({ options: { num_ctx: 'x' } }))?.message).toBe(
      'option "num_ctx" must be of type integer',
    );
  });

  test('embeddings', () => {
    expect(translate('ollama.embed', { model: 'm', input: 'a', dimensions: 4, truncate: true })).toEqual({
      endpoint: 'openai.embeddings',
      body: { model: 'm', input: ['a'], encoding_format: 'float' },
      vectors: { isBase64: false, dimensions: 4, ifLonger: 'cut' },
    });
    expect(translate('ollama.embeddings', { model: 'm', prompt: 'a' })).toMatchObject({ body: { input: ['a'] } });
  });
});

test('every recorded request that was answered can be translated', () => {
  const untranslatable = /context|image|no-messages|empty-input|load|unload/;
  for (const { endpoint, name, requestBody, status } of readRecordings()) {
    if (status !== 200 || requestBody === undefined || untranslatable.test(name)) continue;
    const choice = (requestBody as { tool_choice?: unknown }).tool_choice;
    if (choice === 'required') continue;
    expect(() => translate(endpoint, requestBody), `${endpoint} ${name}`).not.toThrow();
  }
});

function errorOf(act: () => unknown): ClusterError | undefined {
  try {
    act();
  } catch (error) {
    if (error instanceof ClusterError) return error;
    throw error;
  }
  return undefined;
}
