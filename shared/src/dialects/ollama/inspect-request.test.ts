import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type EndpointName, endpoints, isEndpointName } from '../../chat/endpoints.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import { readRefusals } from '../answers/recordings.ts';
import { inspectRequest } from './inspect-request.ts';
import { requestSchemas } from './request-schema.ts';

const user = [{ role: 'user', content: 'Hello there' }];

function endpointOf(path: string): EndpointName {
  const name = Object.keys(endpoints).find((key) => isEndpointName(key) && endpoints[key].path === path);
  if (name === undefined || !isEndpointName(name)) throw new Error(path);
  return name;
}

/** Refused by the engine itself, with knowledge of the model or of its runner; not at the edge. */
const leftToEngine = [
  /^invalid model name/,
  /^"\w+" does not support/,
  /not found/,
  /illegal base64/,
  /^Value looks like object/,
  /typical_p is no longer/,
  /^\{/,
  /ToolFunction/,
  /of type api\.Tool$/,
];

describe('what Ollama refuses', () => {
  const cases = readRefusals().filter(({ path }) => path.startsWith('/api/'));
  test.each(cases.map((entry) => [`${entry.path} ${JSON.stringify(entry.body)}`, entry] as const))('%s', (_, entry) => {
    const inspect = () => inspectRequest(endpointOf(entry.path), entry.body);
    const isOurs = entry.error !== undefined && (entry.body as { model?: string }).model !== undefined;
    const error = errorOf(inspect);
    if (entry.error === undefined || (isOurs && leftToEngine.some((saying) => saying.test(entry.error ?? '')))) {
      expect(error).toBeUndefined();
      return;
    }
    expect(error?.message).toBe(entry.error);
    // Ollama gives 500 for a wrong option or format.
    expect(error?.httpStatus).toBe(entry.status === 500 ? 400 : entry.status);
  });
});

function errorOf(inspect: () => unknown): ClusterError | undefined {
  try {
    inspect();
  } catch (error) {
    if (error instanceof ClusterError) return error;
    throw error;
  }
  return undefined;
}

describe('facts', () => {
  test.each([
    ['streams unless told', 'ollama.chat', { messages: user }, { stream: true, action: 'run', needs: ['completion'] }],
    ['whole on demand', 'ollama.chat', { messages: user, stream: false }, { stream: false }],
    ['no messages load', 'ollama.chat', { messages: [] }, { action: 'load' }],
    ['no messages unload', 'ollama.chat', { keep_alive: '0s' }, { action: 'unload', keepAliveSeconds: 0 }],
    [
      'no prompt loads',
      'ollama.generate',
      { prompt: '', keep_alive: '1h30m' },
      { action: 'load', keepAliveSeconds: 5400 },
    ],
    ['no prompt unloads', 'ollama.generate', { keep_alive: 0, raw: true, system: 'x' }, { action: 'unload' }],
    [
      'keep_alive for ever',
      'ollama.generate',
      { prompt: 'a', keep_alive: -1 },
      { action: 'run', keepAliveSeconds: -1 },
    ],
    ['no input loads', 'ollama.embed', { input: '' }, { action: 'load', stream: false }],
    ['an empty input unloads', 'ollama.embed', { input: '', keep_alive: 0 }, { action: 'unload', stream: false }],
    ['a list of no inputs unloads', 'ollama.embed', { input: [], keep_alive: '0' }, { action: 'unload' }],
    ['no input at all unloads', 'ollama.embed', { keep_alive: 0 }, { action: 'unload' }],
    ['no text to embed unloads', 'ollama.embeddings', { prompt: '', keep_alive: 0 }, { action: 'unload' }],
    [
      'inputs',
      'ollama.embed',
      { input: ['abcd', 'efgh', ''] },
      { action: 'run', inputs: 3, promptTokens: 2, needs: ['embedding'] },
    ],
    ['older embeddings', 'ollama.embeddings', { prompt: 'a' }, { action: 'run', inputs: 1, stream: false }],
    ['suffix', 'ollama.generate', { prompt: 'a', suffix: 'b' }, { needs: ['completion', 'insert'] }],
    ['context', 'ollama.generate', { prompt: 'abcd', context: [1, 2, 3] }, { promptTokens: 4 }],
    [
      'bounds',
      'ollama.chat',
      { messages: user, options: { num_predict: 7, num_ctx: 2048 } },
      { maxTokens: 7, numCtx: 2048 },
    ],
    [
      'options that a model is started with',
      'ollama.chat',
      { messages: user, options: { num_thread: 2.5, num_gpu: -1, use_mmap: false, num_batch: null, seed: 1 } },
      { startOptions: { num_thread: 2, num_gpu: -1, use_mmap: false } },
    ],
    ['tools', 'ollama.chat', { messages: user, tools: [{}] }, { needs: ['completion', 'tools'] }],
    ['no tools', 'ollama.chat', { messages: user, tools: [] }, { needs: ['completion'] }],
    ['thinking', 'ollama.chat', { messages: user, think: 'low' }, { needs: ['completion', 'thinking'] }],
    ['no thinking', 'ollama.chat', { messages: user, think: false }, { needs: ['completion'] }],
    [
      'an image',
      'ollama.chat',
      { messages: [{ content: 'abcd', images: ['aa'] }] },
      { needs: ['completion', 'vision'], promptTokens: 773 },
    ],
    [
      'null is absent',
      'ollama.chat',
      { messages: user, stream: null, options: null, format: null, tools: null },
      { stream: true },
    ],
  ] as const)('%s', (_, endpoint, body, expected) => {
    expect(inspectRequest(endpoint, { model: 'm', ...body })).toMatchObject({ endpoint, model: 'm', ...expected });
  });
});

test.each([
  ['ollama.generate', 404, "model ' ' not found"],
  ['ollama.embed', 404, "model ' ' not found"],
  ['ollama.chat', 400, 'model is required'],
  ['ollama.embeddings', 400, 'model is required'],
] as const)('a name of blanks is none: %s', (endpoint, httpStatus, message) => {
  expect(errorOf(() => inspectRequest(endpoint, { model: ' ' }))).toMatchObject({ httpStatus, message });
});

test.each(['num_batch', 'num_gpu', 'main_gpu', 'num_thread'])('an %s that no runner starts with is refused', (name) => {
  const inspect = (value: number) => () =>
    inspectRequest('ollama.generate', { model: 'm', prompt: 'a', options: { [name]: value } });
  expect(errorOf(inspect(1e12))?.message).toBe(`option "${name}" must be at most 2147483647`);
  expect(errorOf(inspect(512))).toBeUndefined();
});

test.each(['{"options":{"temperature":1e400}}', '{"keep_alive":1e400}'])('what is no number is none: %s', (text) => {
  const body = { model: 'm', prompt: 'a', ...(JSON.parse(text) as object) };
  expect(errorOf(() => inspectRequest('ollama.generate', body))?.message).toMatch(
    /^json: cannot unmarshal number .* of type float64$/,
  );
});

test('a bound below one is none', () => {
  const facts = inspectRequest('ollama.chat', { model: 'm', messages: user, options: { num_predict: -1, num_ctx: 0 } });
  expect(facts).not.toHaveProperty('maxTokens');
  expect(facts).not.toHaveProperty('numCtx');
});

test('accepts and refuses what the schemas do', () => {
  const odd = fc.oneof(
    fc.constantFrom(null, true, false, 0, 1, 1.5, -3, 21, '', 'json', 'text', '5m', 'soon', 'low'),
    fc.constantFrom<unknown>(
      [],
      {},
      [1],
      ['a'],
      [1.5],
      [{}],
      [null],
      { num_ctx: 'x' },
      { stop: ['a'] },
      { temperature: 1 },
      { num_batch: 1e12 },
    ),
    fc.constantFrom<unknown>([{ role: 1 }], [{ content: 'a', images: ['x'] }], [{ images: [1] }], [{ tool_calls: {} }]),
  );
  const names = [
    'messages prompt suffix system template context raw images input truncate dimensions keep_alive options',
    'format think stream shift logprobs top_logprobs tools unknown',
  ];
  const fields = fc.dictionary(fc.constantFrom(...names.join(' ').split(' ')), odd, { maxKeys: 4 });
  const endpoint = fc.constantFrom('ollama.chat', 'ollama.generate', 'ollama.embed', 'ollama.embeddings');
  fc.assert(
    fc.property(endpoint, fields, (name, extra) => {
      // A format is looked at only when something is generated, and raw rules out other fields.
      const isPlain = !('format' in extra) || !('messages' in extra || 'prompt' in extra);
      fc.pre(isPlain && extra['raw'] !== true);
      const body = { model: 'm', messages: user, prompt: 'a', ...extra };
      const isAccepted = errorOf(() => inspectRequest(name, body)) === undefined;
      expect(isAccepted).toBe(requestSchemas[name].safeParse(body).success);
    }),
    { numRuns: 2_000 },
  );
});
