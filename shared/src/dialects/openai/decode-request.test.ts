import { expect, test } from 'vitest';
import type { EndpointName } from '../../chat/endpoints.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import { decodeRequest } from './decode-request.ts';

const messages = [{ role: 'user', content: 'Hi' }];

function refusal(endpoint: EndpointName, body: object): ClusterError | undefined {
  try {
    decodeRequest(endpoint, { model: 'm', messages, prompt: 'Hi', ...body });
    return undefined;
  } catch (error) {
    if (error instanceof ClusterError) return error;
    throw error;
  }
}

test.each<[string, EndpointName, object]>([
  ['n', 'openai.chat', { n: '2' }],
  ['n', 'openai.chat', { n: 0 }],
  ['n', 'openai.completions', { n: 1.5 }],
  ['best_of', 'openai.completions', { best_of: '2' }],
  ['logit_bias', 'openai.chat', { logit_bias: [5] }],
  ['logit_bias', 'openai.chat', { logit_bias: { 5: 'much' } }],
  ['logprobs', 'openai.completions', { logprobs: 21 }],
  ['logprobs', 'openai.completions', { logprobs: -1 }],
])('%s of a wrong kind is refused, not left out: %s %j', (param, endpoint, body) => {
  expect(refusal(endpoint, body)).toMatchObject({ code: 'bad-request', details: { param }, httpStatus: 400 });
});

test.each([
  ['a', 'b'],
  [1, 2],
  [[1], [2]],
])('a prompt of several texts or of tokens is refused by name', (...prompt) => {
  expect(refusal('openai.completions', { prompt })).toMatchObject({
    code: 'unsupported',
    details: { param: 'prompt' },
  });
});

test('nothing, and what asks for nothing, is let go', () => {
  for (const body of [{ n: null, logit_bias: null, best_of: 1 }, { n: 1, logit_bias: {} }, { logprobs: 0 }, {}])
    expect(refusal('openai.completions', body)).toBeUndefined();
});
