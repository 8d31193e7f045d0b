import type { EndpointName } from '@waggle/shared/chat/endpoints.ts';
import type { JobHeader } from '@waggle/shared/cluster/job.ts';
import { expect, test } from 'vitest';
import { refuseOverlooked } from './refuse-overlooked.ts';
import type { ServerKind } from './server-kind.ts';

const refused = (endpoint: EndpointName, body: object, kind: ServerKind | undefined = 'llama-server') => {
  try {
    refuseOverlooked({ endpoint } as JobHeader, Buffer.from(JSON.stringify(body)), kind);
    return undefined;
  } catch (thrown) {
    return thrown;
  }
};

test('a suffix is not left out without a word', () => {
  const error = { code: 'unsupported', details: { param: 'suffix' } };
  expect(refused('openai.completions', { prompt: 'a', suffix: 'b' })).toMatchObject(error);
  expect(refused('ollama.generate', { prompt: 'a', suffix: 'b' })).toMatchObject(error);
});

test.each([
  ['echo', true],
  ['best_of', 2],
  ['response_format', { type: 'json_object' }],
])('%s is not left out without a word', (param, value) => {
  const body = { prompt: 'a', [param]: value };
  expect(refused('openai.completions', body)).toMatchObject({ code: 'unsupported', details: { param } });
  expect(refused('openai.completions', body, 'vllm')).toBeUndefined();
});

test('what asks for nothing is left alone', () => {
  for (const body of [
    { echo: false },
    { echo: null, best_of: null },
    { best_of: 1 },
    { response_format: { type: 'text' } },
    { prompt: '"echo":true' },
  ])
    expect(refused('openai.completions', body)).toBeUndefined();
});

test('no suffix, and servers that refuse it themselves or know it, are left alone', () => {
  for (const suffix of ['', null, undefined]) expect(refused('openai.completions', { suffix })).toBeUndefined();
  expect(refused('openai.chat', { suffix: 'b' })).toBeUndefined();
  for (const kind of ['vllm', 'lm-studio', 'openai-compatible', undefined] as const) {
    const header = { endpoint: 'openai.completions' } as JobHeader;
    expect(() => refuseOverlooked(header, Buffer.from('{"suffix":"b"}'), kind)).not.toThrow();
  }
});
