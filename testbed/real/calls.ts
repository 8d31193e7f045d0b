import type { WireCall } from './wire-call.ts';

const hello = [{ role: 'user', content: 'Hello there' }];
const question = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Six times seven, minus two?' },
];
const steady = { temperature: 0, seed: 1 };
const thermometer = {
  type: 'function',
  function: {
    name: 'get_temperature',
    description: 'Temperature of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
const called = {
  role: 'assistant',
  content: '',
  tool_calls: [{ id: 'call_1', function: { index: 0, name: 'get_temperature', arguments: { city: 'Lisbon' } } }],
};
const openaiCalled = {
  role: 'assistant',
  content: '',
  tool_calls: [
    { id: 'call_1', type: 'function', function: { name: 'get_temperature', arguments: '{"city":"Lisbon"}' } },
  ],
};
const schema = {
  type: 'object',
  properties: { city: { type: 'string' }, degrees: { type: 'integer' } },
  required: ['city', 'degrees'],
};
/** One pixel. */
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const longText = 'A sentence that is there to fill the context of the model. '.repeat(160);

function get(name: string, path: string): WireCall {
  return { name, method: 'GET', path };
}

function of(path: string) {
  return (name: string, body: unknown): WireCall => ({ name, method: 'POST', path, body });
}

/**
 * Begins anew: which models an engine still holds depends on the order of their loads, and Ollama loads some models only for their
 * runner to refuse the request, which Waggle does without.
 */
function fresh(call: WireCall): WireCall {
  return { ...call, fresh: true };
}

function raw(name: string, path: string, rawBody: string): WireCall {
  return { name, method: 'POST', path, rawBody };
}

const generate = of('/api/generate');
const chat = of('/api/chat');
const embed = of('/api/embed');
const embeddings = of('/api/embeddings');
const show = of('/api/show');
const v1Chat = of('/v1/chat/completions');
const v1Completions = of('/v1/completions');
const v1Embeddings = of('/v1/embeddings');

/**
 * What every client of Ollama may ask, in an order that matters: both sides begin with nothing loaded, and each answer
 * depends on what was loaded and cached before it.
 */
export const comparedCalls: readonly WireCall[] = [
  // Routes and methods.
  get('root', '/'),
  { name: 'root HEAD', method: 'HEAD', path: '/' },
  { name: 'root POST', method: 'POST', path: '/' },
  get('version', '/api/version'),
  { name: 'version HEAD', method: 'HEAD', path: '/api/version' },
  { name: 'version POST', method: 'POST', path: '/api/version' },
  get('tags', '/api/tags'),
  { name: 'tags HEAD', method: 'HEAD', path: '/api/tags' },
  { name: 'tags DELETE', method: 'DELETE', path: '/api/tags' },
  get('tags with a slash', '/api/tags/'),
  get('ps with nothing loaded', '/api/ps'),
  { name: 'ps HEAD', method: 'HEAD', path: '/api/ps' },
  get('generate GET', '/api/generate'),
  { name: 'chat PUT', method: 'PUT', path: '/api/chat' },
  get('v1 chat GET', '/v1/chat/completions'),
  get('unknown path', '/nothing'),
  get('unknown path of the API', '/api/nothing'),
  { name: 'unknown path POST', method: 'POST', path: '/api/nothing', body: {} },
  get('unknown path of v1', '/v1/nothing'),
  { name: 'OPTIONS without an origin', method: 'OPTIONS', path: '/api/tags' },
  {
    name: 'preflight of a local page',
    method: 'OPTIONS',
    path: '/api/chat',
    headers: { origin: 'http://localhost:5173', 'access-control-request-method': 'POST' },
  },
  { name: 'foreign origin', method: 'GET', path: '/api/tags', headers: { origin: 'https://evil.example' } },
  { name: 'foreign host', method: 'GET', path: '/api/tags', headers: { host: 'evil.example' } },
  get('status', '/api/status'),
  { name: 'me', method: 'POST', path: '/api/me' },
  { name: 'signout', method: 'POST', path: '/api/signout' },

  // Models.
  show('show', { model: 'voice' }),
  show('show with the tag', { model: 'voice:latest' }),
  show('show in other case', { model: 'VOICE' }),
  show('show by name', { name: 'thinker' }),
  show('show verbose', { model: 'tiny-embed', verbose: true }),
  show('show with namespace and host', { model: 'registry.ollama.ai/library/voice' }),
  show('show with blanks around', { model: ' voice\n' }),
  show('show absent', { model: 'absent' }),
  show('show absent with its namespace', { model: 'library/Absent ' }),
  show('show what is no name', { model: 'a/b/c/d/e' }),
  show('show blanks', { model: ' ' }),
  show('show with a key of other case', { Model: 'voice' }),
  raw('show null', '/api/show', 'null'),
  raw('show a list', '/api/show', '[]'),
  { name: 'delete null', method: 'DELETE', path: '/api/delete', rawBody: 'null' },
  { name: 'delete what is no name', method: 'DELETE', path: '/api/delete', body: { model: '../voice' } },
  show('show with a name that is near', { model: 'voyce' }),
  show('show without a model', {}),
  raw('show without a body', '/api/show', ''),
  raw('show broken', '/api/show', '{"model":'),
  show('show of a wrong type', { model: 7 }),
  get('v1 models', '/v1/models'),
  get('v1 model', '/v1/models/voice'),
  get('v1 model with the tag', '/v1/models/voice:latest'),
  get('v1 model absent', '/v1/models/absent'),
  of('/api/pull')('pull absent', { model: 'absent' }),
  of('/api/pull')('pull absent whole', { model: 'absent', stream: false }),
  of('/api/pull')('pull without a model', {}),
  { name: 'delete absent', method: 'DELETE', path: '/api/delete', body: { model: 'absent' } },
  { name: 'delete without a model', method: 'DELETE', path: '/api/delete', body: {} },
  { name: 'delete', method: 'DELETE', path: '/api/delete', body: { model: 'spare' } },
  get('tags after the delete', '/api/tags'),

  // Load and unload.
  generate('generate load', { model: 'voice' }),
  get('ps with voice loaded', '/api/ps'),
  generate('generate load with keep_alive', { model: 'voice', keep_alive: '10m' }),
  generate('generate load for ever', { model: 'voice', keep_alive: -1 }),
  get('ps with voice loaded for ever', '/api/ps'),
  generate('generate unload', { model: 'voice', keep_alive: 0 }),
  chat('chat load', { model: 'voice', messages: [] }),
  chat('chat unload', { model: 'voice', messages: [], keep_alive: 0 }),
  chat('chat load without messages', { model: 'voice' }),
  generate('generate load absent', { model: 'absent' }),
  generate('generate unload absent', { model: 'absent', keep_alive: 0 }),
  generate('keep_alive that is no duration', { model: 'voice', prompt: 'a', keep_alive: 'soon' }),
  generate('keep_alive of a wrong type', { model: 'voice', prompt: 'a', keep_alive: true }),

  // Generate.
  generate('generate', { model: 'voice', prompt: 'Hello', options: steady }),
  generate('generate whole', { model: 'voice', prompt: 'Hello', stream: false, options: steady }),
  generate('generate in other case', { model: 'Voice', prompt: 'Hello', stream: false, options: steady }),
  generate('generate with the tag', { model: 'voice:latest', prompt: 'Hello', stream: false, options: steady }),
  generate('generate with a system text', { model: 'voice', prompt: 'Hello', system: 'Brief.', stream: false }),
  generate('generate with a template', {
    model: 'voice',
    prompt: 'Hello',
    template: '{{ .Prompt }}<|report|>',
    stream: false,
  }),
  generate('generate raw', { model: 'voice', prompt: 'Hello', raw: true, options: { num_predict: 4 } }),
  generate('generate raw whole', { model: 'voice', prompt: 'Hello', raw: true, stream: false }),
  generate('generate raw with a system text', { model: 'voice', prompt: 'Hello', raw: true, system: 'Brief.' }),
  generate('generate with context', { model: 'voice', prompt: 'More', context: [120, 118, 104], stream: false }),
  generate('generate with a suffix', { model: 'voice', prompt: 'Hello', suffix: 'end', stream: false }),
  generate('generate with a suffix it cannot do', { model: 'endless', prompt: 'Hello', suffix: 'end' }),
  generate('generate format json', { model: 'voice', prompt: 'Hello', format: 'json', stream: false, options: steady }),
  generate('generate format schema', { model: 'voice', prompt: 'Hello', format: schema, options: steady }),
  generate('generate format unknown', { model: 'voice', prompt: 'Hello', format: 'yaml', stream: false }),
  generate('generate format empty', { model: 'voice', prompt: 'Hello', format: '', stream: false }),
  generate('generate num_predict', { model: 'voice', prompt: 'Hello', stream: false, options: { num_predict: 3 } }),
  generate('generate stop', { model: 'voice', prompt: 'Hello', options: { ...steady, stop: ['dancing'] } }),
  generate('generate with many options', {
    model: 'voice',
    prompt: 'Hello',
    stream: false,
    options: { ...steady, top_k: 5, top_p: 0.9, min_p: 0.05, repeat_penalty: 1.1, num_keep: 2, num_ctx: 4096 },
  }),
  generate('generate with an unknown option', {
    model: 'voice',
    prompt: 'Hello',
    stream: false,
    options: { sparkle: 1 },
  }),
  generate('generate option of a wrong type', { model: 'voice', prompt: 'a', options: { num_ctx: 'many' } }),
  generate('generate with an unknown key', { model: 'voice', prompt: 'Hello', stream: false, sparkle: true }),
  generate('generate logprobs', {
    model: 'voice',
    prompt: 'Hello',
    logprobs: true,
    top_logprobs: 2,
    stream: false,
    options: { ...steady, num_predict: 2 },
  }),
  generate('generate top_logprobs out of range', { model: 'voice', prompt: 'a', logprobs: true, top_logprobs: 21 }),
  generate('generate with an image for the blind', { model: 'voice', prompt: 'a', images: [png], stream: false }),
  generate('generate with an image that is none', { model: 'voice', prompt: 'a', images: ['%%%'], stream: false }),
  fresh(generate('generate think', { model: 'thinker', prompt: 'Six times seven?', think: true, options: steady })),
  generate('generate think whole', { model: 'thinker', prompt: 'Six?', think: true, stream: false, options: steady }),
  generate('generate think false', { model: 'thinker', prompt: 'Six?', think: false, stream: false, options: steady }),
  generate('generate think high', { model: 'thinker', prompt: 'Six?', think: 'high', stream: false, options: steady }),
  generate('generate think unknown', { model: 'thinker', prompt: 'Six?', think: 'much' }),
  generate('generate think on who cannot', { model: 'voice', prompt: 'Hello', think: true }),
  fresh(
    generate('generate too long', {
      model: 'slow',
      prompt: longText,
      stream: false,
      options: { ...steady, num_predict: 2 },
    }),
  ),
  generate('generate too long, not to be cut', { model: 'slow', prompt: longText, truncate: false, stream: false }),
  generate('generate absent', { model: 'absent', prompt: 'Hello' }),
  generate('generate without a model', { prompt: 'Hello' }),
  generate('generate of a wrong type', { model: 'voice', prompt: 7 }),
  generate('generate stream of a wrong type', { model: 'voice', prompt: 'Hello', stream: 'yes' }),
  raw('generate without a body', '/api/generate', ''),
  raw('generate broken', '/api/generate', '{"model":"voice",'),
  raw('generate with an array', '/api/generate', '[1]'),
  raw('generate with a word', '/api/generate', 'hello'),
  raw('generate with null', '/api/generate', 'null'),
  raw('generate with rubbish after it', '/api/generate', '{"model":"absent","prompt":"a"} x'),
  {
    name: 'generate as a form',
    method: 'POST',
    path: '/api/generate',
    rawBody: '{"model":"voice","prompt":"Hello","stream":false,"options":{"temperature":0,"seed":1}}',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  },

  // Chat.
  fresh(chat('chat', { model: 'voice', messages: hello, options: steady })),
  chat('chat whole', { model: 'voice', messages: hello, stream: false, options: steady }),
  chat('chat with a system message', { model: 'voice', messages: question, stream: false, options: steady }),
  chat('chat tools', { model: 'voice', messages: hello, tools: [thermometer], options: steady }),
  chat('chat tools whole', { model: 'voice', messages: hello, tools: [thermometer], stream: false, options: steady }),
  chat('chat after a tool', {
    model: 'voice',
    messages: [...hello, called, { role: 'tool', tool_name: 'get_temperature', content: '18' }],
    stream: false,
    options: steady,
  }),
  chat('chat tools on who cannot', { model: 'endless', messages: hello, tools: [thermometer] }),
  fresh(chat('chat think', { model: 'thinker', messages: question, think: true, options: steady })),
  chat('chat think whole', { model: 'thinker', messages: question, think: true, stream: false, options: steady }),
  chat('chat think by itself', { model: 'thinker', messages: question, stream: false, options: steady }),
  chat('chat think false', { model: 'thinker', messages: question, think: false, stream: false, options: steady }),
  chat('chat think on who cannot', { model: 'voice', messages: hello, think: true }),
  fresh(chat('chat format json', { model: 'voice', messages: hello, format: 'json', stream: false, options: steady })),
  chat('chat format schema', { model: 'voice', messages: hello, format: schema, options: steady }),
  chat('chat num_predict', { model: 'endless', messages: hello, options: { num_predict: 5 } }),
  chat('chat stop', { model: 'voice', messages: hello, stream: false, options: { ...steady, stop: ['dancing'] } }),
  chat('chat logprobs', { model: 'voice', messages: hello, logprobs: true, options: { ...steady, num_predict: 3 } }),
  chat('chat unknown role', { model: 'voice', messages: [{ role: 'narrator', content: 'Hello' }], stream: false }),
  chat('chat with an image for the blind', {
    model: 'voice',
    messages: [{ role: 'user', content: 'What is it?', images: [png] }],
    stream: false,
  }),
  fresh(
    chat('chat larger num_ctx', {
      model: 'voice',
      messages: hello,
      stream: false,
      options: { ...steady, num_ctx: 6000 },
    }),
  ),
  get('ps after a larger num_ctx', '/api/ps'),
  chat('chat keep_alive 0', { model: 'endless', messages: hello, keep_alive: 0, options: { num_predict: 2 } }),
  chat('chat absent', { model: 'absent', messages: hello }),
  chat('chat with a name that is near', { model: 'thinkers', messages: hello }),
  chat('chat without a model', { messages: hello }),
  chat('chat messages of a wrong type', { model: 'voice', messages: 'Hello' }),
  chat('chat content of a wrong type', { model: 'voice', messages: [{ role: 'user', content: 7 }] }),
  raw('chat without a body', '/api/chat', ''),
  raw('chat broken', '/api/chat', '{"model":"voice","messages":[}'),

  // Names and keys as Go reads them.
  fresh(
    generate('generate with the namespace', {
      model: 'library/voice',
      prompt: 'Hello',
      stream: false,
      options: steady,
    }),
  ),
  generate('generate with blanks around the name', {
    model: ' voice ',
    prompt: 'Hello',
    stream: false,
    options: steady,
  }),
  generate('generate on what is no name', { model: 'voice:', prompt: 'Hello' }),
  generate('generate on blanks', { model: ' ', prompt: 'Hello' }),
  chat('chat on what is no name', { model: 'x'.repeat(400), messages: hello }),
  chat('chat on blanks', { model: ' ', messages: hello }),
  chat('chat with keys of other case', {
    Model: 'voice',
    Messages: [{ Role: 'user', CONTENT: 'Hello there' }],
    STREAM: false,
    Options: steady,
  }),
  generate('generate with the model in two cases', {
    model: 'absent',
    MODEL: 'voice',
    prompt: 'Hello',
    stream: false,
    options: { ...steady, NUM_PREDICT: 1 },
  }),
  generate('generate with tokens of no text', { model: 'voice', prompt: 'Hello', context: [1_000_000_000] }),
  generate('generate with an endless number', {
    model: 'voice',
    prompt: 'Hello',
    stream: false,
    options: { temperature: 1e308 },
  }),
  generate('generate with a broken template', { model: 'voice', prompt: 'Hello', template: '{{' }),

  // Embeddings.
  fresh(embed('embed', { model: 'tiny-embed', input: 'Hello' })),
  embed('embed many', { model: 'tiny-embed', input: ['one', 'two', 'three'] }),
  embed('embed none', { model: 'tiny-embed', input: [] }),
  embed('embed without input', { model: 'tiny-embed' }),
  embed('embed empty text', { model: 'tiny-embed', input: '' }),
  embed('embed unload', { model: 'tiny-embed', input: [], keep_alive: 0 }),
  embeddings('embeddings unload', { model: 'tiny-embed', prompt: '', keep_alive: 0 }),
  fresh(embed('embed with keys of other case', { Model: 'tiny-embed', INPUT: 'Hello', Dimensions: 4 })),
  embed('embed on what is no name', { model: 'a b', input: 'Hello' }),
  embed('embed dimensions', { model: 'tiny-embed', input: 'Hello', dimensions: 8 }),
  embed('embed input of a wrong type', { model: 'tiny-embed', input: 7 }),
  embed('embed inputs of a wrong type', { model: 'tiny-embed', input: ['one', 2] }),
  embed('embed too long, not to be cut', { model: 'tiny-embed', input: longText, truncate: false }),
  embed('embed on who cannot', { model: 'voice', input: 'Hello' }),
  embed('embed absent', { model: 'absent', input: 'Hello' }),
  embed('embed without a model', { input: 'Hello' }),
  raw('embed without a body', '/api/embed', ''),
  generate('generate on an embedding model', { model: 'tiny-embed', prompt: 'Hello' }),
  chat('chat on an embedding model', { model: 'tiny-embed', messages: hello }),
  embeddings('embeddings', { model: 'tiny-embed', prompt: 'Hello' }),
  embeddings('embeddings empty', { model: 'tiny-embed', prompt: '' }),
  embeddings('embeddings on who cannot', { model: 'voice', prompt: 'Hello' }),
  embeddings('embeddings absent', { model: 'absent', prompt: 'Hello' }),

  // The OpenAI API.
  fresh(v1Chat('v1 chat', { model: 'voice', messages: hello, ...steady })),
  v1Chat('v1 chat streamed', { model: 'voice', messages: hello, stream: true, ...steady }),
  v1Chat('v1 chat streamed with usage', {
    model: 'voice',
    messages: hello,
    stream: true,
    stream_options: { include_usage: true },
    ...steady,
  }),
  v1Chat('v1 chat with parts', {
    model: 'voice',
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello there' }] }],
    ...steady,
  }),
  v1Chat('v1 chat max_tokens', { model: 'voice', messages: hello, max_tokens: 3, ...steady }),
  v1Chat('v1 chat max_completion_tokens', { model: 'voice', messages: hello, max_completion_tokens: 3, ...steady }),
  v1Chat('v1 chat stop', { model: 'voice', messages: hello, stop: 'dancing', ...steady }),
  v1Chat('v1 chat stops', { model: 'voice', messages: hello, stop: ['dancing', 'x'], ...steady }),
  v1Chat('v1 chat tools', { model: 'voice', messages: hello, tools: [thermometer], ...steady }),
  v1Chat('v1 chat tools streamed', { model: 'voice', messages: hello, tools: [thermometer], stream: true, ...steady }),
  v1Chat('v1 chat after a tool', {
    model: 'voice',
    messages: [...hello, openaiCalled, { role: 'tool', tool_call_id: 'call_1', content: '18' }],
    ...steady,
  }),
  v1Chat('v1 chat json_object', {
    model: 'voice',
    messages: hello,
    response_format: { type: 'json_object' },
    ...steady,
  }),
  v1Chat('v1 chat json_schema', {
    model: 'voice',
    messages: hello,
    response_format: { type: 'json_schema', json_schema: { name: 'weather', schema } },
    ...steady,
  }),
  fresh(v1Chat('v1 chat thinking', { model: 'thinker', messages: question, reasoning_effort: 'high', ...steady })),
  v1Chat('v1 chat thinking streamed', { model: 'thinker', messages: question, stream: true, ...steady }),
  v1Chat('v1 chat thinking off', { model: 'thinker', messages: question, reasoning_effort: 'none', ...steady }),
  v1Chat('v1 chat thinking unknown', { model: 'thinker', messages: question, reasoning_effort: 'much' }),
  fresh(v1Chat('v1 chat logprobs', { model: 'voice', messages: hello, logprobs: true, max_tokens: 2, ...steady })),
  v1Chat('v1 chat ignored parameters', {
    model: 'voice',
    messages: hello,
    user: 'somebody',
    metadata: { a: 'b' },
    store: false,
    ...steady,
  }),
  v1Chat('v1 chat wishes that may go unheard', {
    model: 'voice',
    messages: hello,
    tools: [thermometer],
    parallel_tool_calls: false,
    prediction: { type: 'content', content: 'Bees' },
    ...steady,
  }),
  v1Chat('v1 chat with keys of other case', {
    Model: 'voice',
    Messages: [{ Role: 'user', Content: 'Hello there' }],
    Max_Tokens: 2,
    ...steady,
  }),
  v1Chat('v1 chat on what is no name', { model: '-voice', messages: hello }),
  v1Chat('v1 chat reasoning of a wrong type', { model: 'voice', messages: hello, reasoning: 5 }),
  v1Chat('v1 chat thinking on who cannot', { model: 'voice', messages: hello, reasoning_effort: 'high' }),
  v1Chat('v1 chat seed beyond 64 bits', { model: 'voice', messages: hello, seed: 10_000_000_000_000_000_000 }),
  v1Chat('v1 chat lost functions', { model: 'voice', messages: hello, functions: [{ name: 'f' }], ...steady }),
  v1Chat('v1 chat lost search', { model: 'voice', messages: hello, web_search_options: {}, ...steady }),
  v1Chat('v1 chat lost answers', { model: 'voice', messages: hello, n: 2, ...steady }),
  v1Chat('v1 chat lost tool_choice', {
    model: 'voice',
    messages: hello,
    tools: [thermometer],
    tool_choice: 'required',
    ...steady,
  }),
  v1Chat('v1 chat lost tool', { model: 'voice', messages: hello, tools: [{ type: 'web_search' }], ...steady }),
  v1Chat('v1 chat lost format', { model: 'voice', messages: hello, response_format: { type: 'verse' }, ...steady }),
  v1Chat('v1 chat lost ignore_eos', { model: 'voice', messages: hello, ignore_eos: true, max_tokens: 2, ...steady }),
  v1Chat('v1 chat content of no parts', {
    model: 'voice',
    messages: [{ role: 'user', content: [] }],
    max_tokens: 2,
    ...steady,
  }),
  v1Chat('v1 chat with an image for the blind', {
    model: 'voice',
    messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } }] }],
  }),
  v1Chat('v1 chat with the address of an image', {
    model: 'voice',
    messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }] }],
  }),
  v1Chat('v1 chat without messages', { model: 'voice', messages: [] }),
  v1Chat('v1 chat absent', { model: 'absent', messages: hello }),
  v1Chat('v1 chat without a model', { messages: hello }),
  v1Chat('v1 chat of a wrong type', { model: 'voice', messages: 'Hello' }),
  v1Chat('v1 chat temperature of a wrong type', { model: 'voice', messages: hello, temperature: 'hot' }),
  v1Chat('v1 chat tools on who cannot', { model: 'endless', messages: hello, tools: [thermometer] }),
  fresh(
    v1Chat('v1 chat too long', {
      model: 'slow',
      messages: [{ role: 'user', content: longText }],
      max_tokens: 2,
      ...steady,
    }),
  ),
  raw('v1 chat without a body', '/v1/chat/completions', ''),
  raw('v1 chat broken', '/v1/chat/completions', '{"model":'),
  fresh(v1Completions('v1 completions', { model: 'voice', prompt: 'Hello', ...steady })),
  v1Completions('v1 completions streamed', {
    model: 'voice',
    prompt: 'Hello',
    stream: true,
    stream_options: { include_usage: true },
    ...steady,
  }),
  v1Completions('v1 completions suffix', { model: 'voice', prompt: 'Hello', suffix: 'end', ...steady }),
  v1Completions('v1 completions max_tokens', { model: 'voice', prompt: 'Hello', max_tokens: 3, ...steady }),
  v1Completions('v1 completions of a list', { model: 'voice', prompt: ['Hello'], ...steady }),
  v1Completions('v1 completions of nothing', { model: 'voice', prompt: '', max_tokens: 2, ...steady }),
  v1Completions('v1 completions temperature of a wrong type', { model: 'voice', prompt: 'Hello', temperature: 'hot' }),
  v1Completions('v1 completions absent', { model: 'absent', prompt: 'Hello' }),
  v1Embeddings('v1 embeddings', { model: 'tiny-embed', input: 'Hello' }),
  v1Embeddings('v1 embeddings many', { model: 'tiny-embed', input: ['one', 'two'] }),
  v1Embeddings('v1 embeddings base64', { model: 'tiny-embed', input: 'Hello', encoding_format: 'base64' }),
  v1Embeddings('v1 embeddings dimensions', { model: 'tiny-embed', input: 'Hello', dimensions: 8 }),
  v1Embeddings('v1 embeddings format unknown', { model: 'tiny-embed', input: 'Hello', encoding_format: 'octal' }),
  v1Embeddings('v1 embeddings without input', { model: 'tiny-embed' }),
  v1Embeddings('v1 embeddings absent', { model: 'absent', input: 'Hello' }),
  v1Embeddings('v1 embeddings on who cannot', { model: 'voice', input: 'Hello' }),
];
