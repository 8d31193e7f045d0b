import { describe, expect, test } from 'vitest';
import { toHeader } from '../../testing/recorded-job.ts';
import { toOllamaJob } from './run.ts';

const messages = [{ role: 'user', content: 'hi' }];

function toBody(body: object, more: Parameters<typeof toHeader>[0] = {}): unknown {
  const { body: parts } = toOllamaJob(toHeader(more), Buffer.from(JSON.stringify(body)), '');
  return JSON.parse(Buffer.concat(parts).toString('utf8'));
}

describe('toOllamaJob', () => {
  test('writes the pins over what the client said, and keeps its other options', () => {
    const body = { model: 'm', messages, keep_alive: '1s', options: { num_ctx: 512, seed: 7 } };
    expect(toBody(body, { pins: { numCtx: 4096, keepAliveSeconds: 300 } })).toEqual({
      model: 'm',
      messages,
      stream: true,
      keep_alive: 300,
      options: { num_ctx: 4096, seed: 7 },
    });
  });

  test('without pins the client’s own options stay, and the engine keeps the model as long as it was told before', () => {
    const body = { model: 'm', messages, options: { num_ctx: 512 }, unknown_field: [1] };
    expect(toBody({ ...body, keep_alive: '1s' })).toEqual({ ...body, stream: true });
  });

  test.each([
    ['m', 'm:latest', 'm'],
    ['m:latest', 'm:latest', 'm:latest'],
    ['alias', 'm:latest', 'm:latest'],
    ['m@desk', 'm:latest', 'm:latest'],
  ])('a client’s %s for %s is asked as %s', (answerModel, model, asked) => {
    expect(toBody({ model: answerModel, name: 'x', messages }, { answerModel, model })).toMatchObject({ model: asked });
    expect(toBody({ model: answerModel, name: 'x', messages }, { answerModel, model })).not.toHaveProperty('name');
  });

  test('pins requests of the other family too', () => {
    const body = { model: 'm', messages, stream: true, seed: 7 };
    const translated = toBody(body, { endpoint: 'openai.chat', pins: { numCtx: 2048, keepAliveSeconds: -1 } });
    expect(translated).toMatchObject({
      model: 'm:latest',
      keep_alive: -1,
      options: { num_ctx: 2048, seed: 7 },
      stream: true,
    });
  });

  test('writes the options over it that the model was started with', () => {
    const body = { model: 'm', messages, options: { num_thread: 8, num_gpu: 1, seed: 7 } };
    const pins = { numCtx: 4096, startOptions: { num_thread: 1, use_mmap: false } };
    const options = { num_gpu: 1, seed: 7, num_thread: 1, use_mmap: false, num_ctx: 4096 };
    expect(toBody(body, { pins })).toMatchObject({ options });
    expect(toBody({ model: 'm', messages }, { pins: { startOptions: { num_thread: 1 } } })).toMatchObject({
      options: { num_thread: 1 },
    });
  });

  test('what is not to be changed goes on as it came, to the byte', () => {
    const body = ' {"model":"m", "messages":[{"role":"user","content":"\\u00fc"}],\n"stream":true ,"unknown":1e0}';
    const { body: parts } = toOllamaJob(toHeader(), Buffer.from(body), '');
    expect(Buffer.concat(parts).toString('utf8')).toBe(body);
  });

  test('a large body is not copied', () => {
    const body = Buffer.from(
      JSON.stringify({ model: 'm', messages: [{ images: ['A'.repeat(100_000)] }], stream: true }),
    );
    const { body: parts } = toOllamaJob(toHeader({ pins: { numCtx: 2048 } }), body, '');
    expect(parts.some((part) => part.buffer === body.buffer && part.byteLength > 100_000)).toBe(true);
  });

  test('embeddings are pinned and never streamed', () => {
    const body = toBody(
      { model: 'm', input: 'x' },
      { endpoint: 'ollama.embed', stream: false, pins: { numCtx: 2048 } },
    );
    expect(body).toEqual({ model: 'm', input: 'x', options: { num_ctx: 2048 } });
  });
});
