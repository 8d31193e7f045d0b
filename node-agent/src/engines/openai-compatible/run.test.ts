import { describe, expect, test } from 'vitest';
import { toHeader } from '../../testing/recorded-job.ts';
import { toServerPaths } from './paths.ts';
import { toOpenAiJob } from './run.ts';

const paths = toServerPaths('http://127.0.0.1:8000/v1');
const vllm = { paths, kind: 'vllm' } as const;
const header = toHeader({ endpoint: 'openai.chat', model: 'm', answerModel: 'm' });
const messages = [{ role: 'user', content: 'hi' }];

function toBody(body: object | string, more: Parameters<typeof toHeader>[0] = {}): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return Buffer.concat(toOpenAiJob({ ...header, ...more }, Buffer.from(text), vllm).body).toString('utf8');
}

describe('toOpenAiJob', () => {
  test('leaves a whole answer’s request as it came, to the byte', () => {
    const body = '{ "model": "m",\n"seed": 12345678901234567890, "messages": [] , "stream":false}';
    expect(toBody(body, { stream: false })).toBe(body);
  });

  test('asks a stream for its token counts, touching nothing else', () => {
    const body = ' {"model":"m","seed":12345678901234567890,"messages":[],"stream":true}';
    expect(toBody(body)).toBe(body.trim().replace('{', '{"stream_options":{"include_usage":true},'));
  });

  test('asks a large one for its token counts, too, and copies nothing', () => {
    const body = Buffer.from(
      JSON.stringify({ model: 'm', messages: [{ content: 'A'.repeat(100_000) }], stream: true }),
    );
    const { body: parts } = toOpenAiJob(header, body, vllm);
    expect(parts.some((part) => part.buffer === body.buffer && part.byteLength > 100_000)).toBe(true);
    expect(JSON.parse(Buffer.concat(parts).toString('utf8'))).toMatchObject({
      model: 'm',
      stream_options: { include_usage: true },
    });
  });

  test('leaves embeddings as they came', () => {
    const body = '{"model":"m","input":"x"}';
    expect(toBody(body, { endpoint: 'openai.embeddings', stream: false })).toBe(body);
  });

  test.each([
    ['openai.embeddings', { input: 'x', encoding_format: 'base64' }, '"embedding":"AACAPwAAAD8="'],
    ['ollama.embed', { input: 'x', dimensions: 1 }, '"vectors":[[1]]'],
  ] as const)('has vectors as the client of %s wishes, whatever the engine sends', (endpoint, wish, expected) => {
    const job = toHeader({ endpoint, model: 'm', answerModel: 'm', stream: false });
    const { reader } = toOpenAiJob(job, Buffer.from(JSON.stringify({ model: 'm', ...wish })), vllm);
    reader.push(Buffer.from('{"data":[{"embedding":[1,0.5]}]}'));
    const batch = reader.finish().batch;
    const said = batch?.form === 'native' ? Buffer.from(batch.bytes).toString('utf8') : JSON.stringify(batch);
    expect(said).toContain(expected);
  });

  test.each([
    ['asked for already', { stream_options: { include_usage: true } }, { include_usage: true }],
    ['refused', { stream_options: { include_usage: false } }, { include_usage: true }],
    ['beside others', { stream_options: { chunk: 1 } }, { chunk: 1, include_usage: true }],
    ['only spoken of', { messages: [{ role: 'user', content: '"stream_options"' }] }, { include_usage: true }],
  ])('token counts that are %s', (_name, more, expected) => {
    const body = { model: 'm', messages, stream: true, ...more };
    expect(JSON.parse(toBody(body))).toEqual({ ...body, stream_options: expected });
  });

  test('asks by the name the engine knows', () => {
    const body = { model: 'alias', messages, stream: false };
    expect(JSON.parse(toBody(body, { answerModel: 'alias', stream: false }))).toEqual({ ...body, model: 'm' });
  });

  test('translates a request of the other family', () => {
    const { endpoint, path, body } = toOpenAiJob(
      toHeader({ endpoint: 'ollama.chat', model: 'm', answerModel: 'm:latest' }),
      Buffer.from(JSON.stringify({ model: 'm:latest', messages, options: { num_predict: 5 } })),
      vllm,
    );
    expect(endpoint).toBe('openai.chat');
    expect(path).toBe('/v1/chat/completions');
    expect(JSON.parse(Buffer.concat(body).toString('utf8'))).toMatchObject({
      model: 'm',
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  test.each([
    ['for events', { answer: 'events' }, { stop: ['x'] }, true],
    ['for its own bytes', { answer: 'native' }, { stop: ['x'] }, undefined],
    ['that never stops', { answer: 'events' }, { stop: null }, undefined],
  ] as const)('a llama-server that is asked %s', (_name, more, wish, verbose) => {
    const body = Buffer.from(JSON.stringify({ model: 'm', messages, ...wish }));
    for (const kind of ['llama-server', 'vllm'] as const) {
      const { body: parts } = toOpenAiJob({ ...header, ...more }, body, { paths, kind });
      const sent = JSON.parse(Buffer.concat(parts).toString('utf8')) as Record<string, unknown>;
      expect(sent['verbose']).toBe(kind === 'llama-server' ? verbose : undefined);
    }
  });

  test.each([
    ['one answer', { prompt: 'a', logprobs: 1 }, 'events'],
    ['several', { prompt: 'a', logprobs: 1, n: 2 }, 'native'],
    ['several prompts', { prompt: ['a', 'b'], logprobs: 1 }, 'native'],
    ['none', { prompt: 'a', logprobs: null }, 'native'],
  ])('log probabilities of a llama-server have its own form: of %s', (_name, wish, form) => {
    const job = toHeader({ endpoint: 'openai.completions', model: 'm', answerModel: 'm', stream: false });
    const answer = { choices: [{ index: 0, text: 'a', finish_reason: 'stop', logprobs: { content: [] } }] };
    for (const kind of ['llama-server', 'vllm'] as const) {
      const { reader } = toOpenAiJob(job, Buffer.from(JSON.stringify({ model: 'm', ...wish })), { paths, kind });
      reader.push(Buffer.from(JSON.stringify(answer)));
      expect(reader.finish().batch?.form).toBe(kind === 'llama-server' ? form : 'native');
    }
  });

  test('finds the calls under whatever stands for /v1', () => {
    const other = { ...vllm, paths: toServerPaths('https://api.example.com/v1beta/openai') };
    expect(toOpenAiJob(header, Buffer.from('{"model":"m"}'), other).path).toBe('/v1beta/openai/chat/completions');
  });
});
