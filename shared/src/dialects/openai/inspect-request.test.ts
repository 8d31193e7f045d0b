import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ClusterError } from '../../errors/cluster-error.ts';
import { readRefusals } from '../answers/recordings.ts';
import { decodeRequest } from './decode-request.ts';
import { inspectRequest } from './inspect-request.ts';
import { requestSchemas } from './request-schema.ts';

const user = [{ role: 'user', content: 'Hello there' }];
const paths = {
  '/v1/chat/completions': 'openai.chat',
  '/v1/completions': 'openai.completions',
  '/v1/embeddings': 'openai.embeddings',
} as const;

function errorOf(inspect: () => unknown): ClusterError | undefined {
  try {
    inspect();
  } catch (error) {
    if (error instanceof ClusterError) return error;
    throw error;
  }
  return undefined;
}

describe('what the /v1 of Ollama refuses', () => {
  const cases = readRefusals().filter(({ path }) => path in paths);
  test.each(cases.map((entry) => [`${entry.path} ${JSON.stringify(entry.body)}`, entry] as const))('%s', (_, entry) => {
    const endpoint = paths[entry.path as keyof typeof paths];
    const edge = errorOf(() => inspectRequest(endpoint, entry.body));
    const error = edge ?? errorOf(() => decodeRequest(endpoint, entry.body));
    // One prompt in a list is that prompt.
    const isTaken =
      entry.error?.startsWith("model 'absent'") === true || /array.*CompletionRequest.prompt/.test(entry.error ?? '');
    if (entry.error === undefined || isTaken) {
      expect(error).toBeUndefined();
      return;
    }
    if (!entry.error.startsWith("invalid type for 'stop'")) expect(error?.message).toBe(entry.error);
    expect(error?.httpStatus).toBe(entry.status);
  });
});

describe('facts', () => {
  test.each([
    [
      'whole unless told',
      'openai.chat',
      {},
      { stream: false, action: 'run', needs: ['completion'], includeUsage: false },
    ],
    [
      'usage',
      'openai.chat',
      { stream: true, stream_options: { include_usage: true } },
      { stream: true, includeUsage: true },
    ],
    ['usage of a whole answer', 'openai.chat', { stream_options: { include_usage: true } }, { includeUsage: false }],
    ['newer bound', 'openai.chat', { max_tokens: 5, max_completion_tokens: 7 }, { maxTokens: 7 }],
    ['tools', 'openai.chat', { tools: [{}] }, { needs: ['completion', 'tools'] }],
    ['tools not to be used', 'openai.chat', { tools: [{}], tool_choice: 'none' }, { needs: ['completion'] }],
    ['effort', 'openai.chat', { reasoning_effort: 'high' }, { needs: ['completion', 'thinking'] }],
    ['no effort', 'openai.chat', { reasoning_effort: 'none' }, { needs: ['completion'] }],
    [
      'an address of an image',
      'openai.chat',
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'http://a/b' } }] }] },
      { needs: ['completion', 'vision'], promptTokens: 772 },
    ],
    [
      'sound',
      'openai.chat',
      { messages: [{ role: 'user', content: [{ type: 'input_audio' }] }] },
      { needs: ['completion', 'audio'] },
    ],
    ['keep_alive', 'openai.chat', { keep_alive: '10m' }, { keepAliveSeconds: 600 }],
    ['prompts', 'openai.completions', { prompt: ['abcd', 'efgh'], n: 3 }, { promptTokens: 2, inputs: 6 }],
    ['lists of tokens as prompts', 'openai.completions', { prompt: [[1, 2, 3], [4]] }, { promptTokens: 4, inputs: 2 }],
    ['tokens', 'openai.completions', { prompt: [1, 2, 3] }, { promptTokens: 3, inputs: 1 }],
    ['several answers', 'openai.chat', { n: 2 }, { inputs: 2 }],
    ['no number of answers', 'openai.chat', { n: '2' }, { inputs: 1 }],
    ['suffix', 'openai.completions', { suffix: 'x' }, { needs: ['completion', 'insert'] }],
    ['one text', 'openai.embeddings', { input: 'abcdefgh' }, { inputs: 1, promptTokens: 2, needs: ['embedding'] }],
    ['texts', 'openai.embeddings', { input: ['a', 'b'], stream: true }, { inputs: 2, stream: false }],
    ['one list of tokens', 'openai.embeddings', { input: [1, 2, 3] }, { inputs: 1, promptTokens: 3 }],
    ['lists of tokens', 'openai.embeddings', { input: [[1], [2, 3]] }, { inputs: 2, promptTokens: 3 }],
  ] as const)('%s', (_, endpoint, body, expected) => {
    expect(inspectRequest(endpoint, { model: 'm', messages: user, ...body })).toMatchObject({ endpoint, ...expected });
  });
});

test('names the field that is wrong', () => {
  const error = errorOf(() => inspectRequest('openai.chat', { model: 'm', messages: user, temperature: 'hot' }));
  expect(error?.details.param).toBe('temperature');
});

test.each([
  ['openai.chat', 'temperature', 'hot', 'string', 'ChatCompletionRequest.temperature of type float64'],
  ['openai.completions', 'temperature', 'hot', 'string', 'CompletionRequest.temperature of type float32'],
  ['openai.completions', 'top_p', 1e39, 'number 1e+39', 'CompletionRequest.top_p of type float32'],
  ['openai.chat', 'top_p', Number.POSITIVE_INFINITY, 'number Infinity', 'ChatCompletionRequest.top_p of type float64'],
  ['openai.chat', 'seed', 1e19, 'number 10000000000000000000', 'ChatCompletionRequest.seed of type int'],
  ['openai.chat', 'max_tokens', 1.5, 'number 1.5', 'ChatCompletionRequest.max_tokens of type int'],
] as const)('%s: %s of %s in Go’s words', (endpoint, field, value, seen, place) => {
  const error = errorOf(() => inspectRequest(endpoint, { model: 'm', messages: user, prompt: 'a', [field]: value }));
  expect(error?.message).toBe(`json: cannot unmarshal ${seen} into Go struct field ${place}`);
});

test('the largest and the smallest integer of 64 bits are some', () => {
  for (const seed of [2 ** 63 - 1024, -(2 ** 63)]) {
    expect(errorOf(() => inspectRequest('openai.chat', { model: 'm', messages: user, seed }))).toBeUndefined();
  }
});

test('accepts and refuses what the schemas do', () => {
  const odd = fc.oneof(
    fc.constantFrom(null, true, false, 0, 1, 1.5, -3, 21, '', 'base64', 'text', 'low'),
    fc.constantFrom<unknown>(
      [],
      {},
      [1],
      ['a'],
      [{}],
      [null],
      { include_usage: true },
      { include_usage: 1 },
      { effort: 5 },
    ),
    fc.constantFrom<unknown>(
      [{ role: 1 }],
      [{ content: [{}] }],
      [{ content: [1] }],
      [{ content: 1 }],
      [{ tool_calls: 1 }],
    ),
  );
  const names = [
    'messages prompt suffix input dimensions encoding_format stream stream_options max_tokens seed stop temperature top_p',
    'frequency_penalty presence_penalty max_completion_tokens tools tool_choice response_format reasoning_effort reasoning logprobs',
    'top_logprobs keep_alive unknown',
  ];
  const fields = fc.dictionary(fc.constantFrom(...names.join(' ').split(' ')), odd, { maxKeys: 4 });
  const endpoint = fc.constantFrom('openai.chat', 'openai.completions', 'openai.embeddings');
  fc.assert(
    fc.property(endpoint, fields, (name, extra) => {
      const body = { model: 'm', messages: user, prompt: 'a', input: 'a', ...extra };
      const isAccepted = errorOf(() => inspectRequest(name, body)) === undefined;
      expect(isAccepted).toBe(requestSchemas[name].safeParse(body).success);
    }),
    { numRuns: 2_000 },
  );
});
