import { describe, expect, test } from 'vitest';
import { batchKind } from '../../chat/answer-batch.ts';
import { endpoints } from '../../chat/endpoints.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import { dialects } from '../dialects.ts';
import { cutAt, readRecordings } from './recordings.ts';

const wholes = readRecordings().filter(({ isStream, status }) => !isStream && status === 200);
const named = wholes.map((entry) => [`${entry.engine} ${entry.name}`, entry] as const);

interface OpenaiAnswer {
  readonly choices?: readonly { readonly message?: object }[];
}

/** What OpenAI's schema requires is there, null where the engine left it out. */
function withNulls(text: string): object {
  const answer = JSON.parse(text) as OpenaiAnswer;
  const choices = answer.choices?.map((choice) => ({
    logprobs: null,
    ...choice,
    ...(choice.message === undefined ? {} : { message: { refusal: null, ...choice.message } }),
  }));
  return { ...answer, ...(choices === undefined ? {} : { choices }) };
}

describe('recorded whole answers', () => {
  test('go on as they came, where nothing is missing', () => {
    const choice = { index: 0, logprobs: null, finish_reason: 'stop', message: { content: 'a', refusal: null } };
    const bytes = Buffer.from(JSON.stringify({ choices: [choice], usage: { prompt_tokens: 1.0 } }));
    expect(dialects.openai.readWholeNative('openai.chat', bytes).batch.bytes).toBe(bytes);
  });

  test.each([
    [
      '{"choices":[{"message":{"content":"a"}}],"x":1.0}',
      '{"choices":[{"logprobs":null,"message":{"refusal":null,"content":"a"}}],"x":1.0}',
    ],
    [
      '{"choices":[{"logprobs":null,"message":{"content":"\\"message\\":{"}}],"x":1.0}',
      '{"choices":[{"logprobs":null,"message":{"refusal":null,"content":"\\"message\\":{"}}],"x":1.0}',
    ],
    [
      '{"choices":[{"message":{"refusal":"no"}}],"x":1.0}',
      '{"choices":[{"logprobs":null,"message":{"refusal":"no"}}],"x":1.0}',
    ],
    ['{"choices":[{"message":{}}]}', '{"choices":[{"logprobs":null,"message":{"refusal":null}}]}'],
    [
      '{"extra":{"message":{"a":1}},"choices":[{"message":{"content":"a"}}]}',
      '{"extra":{"message":{"a":1}},"choices":[{"logprobs":null,"message":{"refusal":null,"content":"a"}}]}',
    ],
    [
      '{"choices": [{"message": {"content": "a"}}]}',
      '{"choices":[{"logprobs":null,"message":{"refusal":null,"content":"a"}}]}',
    ],
  ])('what is missing is put into place: %s', (came, goes) => {
    expect(Buffer.from(dialects.openai.readWholeNative('openai.chat', Buffer.from(came)).batch.bytes).toString()).toBe(
      goes,
    );
  });

  test.each(named)('%s', (_, { endpoint, bytes }) => {
    const dialect = dialects[endpoints[endpoint].dialect];
    const { batch, stats } = dialect.readWholeNative(endpoint, bytes);
    const before = withNulls(bytes.toString());
    expect(JSON.parse(Buffer.from(batch.bytes).toString())).toEqual(before);
    if (JSON.stringify(before) === JSON.stringify(JSON.parse(bytes.toString()))) expect(batch.bytes).toBe(bytes);
    expect(batch.kinds & batchKind.end).toBe(batchKind.end);
    expect(stats.finishReason).toBeDefined();
    const reader = dialect.createNativeReader(endpoint, { stream: false });
    for (const chunk of cutAt(bytes, [10, 100, 101])) expect(reader.push(chunk)).toBeUndefined();
    const collected = reader.finish();
    expect(collected.batch).toEqual(batch);
    expect(collected.end).toEqual(stats);
    const renamed = dialect.readWholeNative(endpoint, bytes, { from: 'x', to: 'other' });
    expect(JSON.parse(Buffer.from(renamed.batch.bytes).toString())).toEqual({
      ...before,
      ...('model' in before ? { model: 'other' } : {}),
    });
  });

  test('a load answer is one line without a line end even in a stream', () => {
    const load = wholes.find(({ name }) => name === 'chat-load');
    const reader = dialects.ollama.createNativeReader('ollama.chat', { stream: true });
    expect(reader.push(load?.bytes ?? Buffer.alloc(0))).toBeUndefined();
    const { end, batch } = reader.finish();
    expect(end).toEqual({ finishReason: 'load' });
    expect(Buffer.from(batch?.bytes ?? []).toString()).toBe(`${load?.bytes.toString() ?? ''}\n`);
  });

  test('of a large embedding answer only the outside is parsed', () => {
    const vector = Array.from({ length: 4_000 }, (_, index) => index / 7);
    const openai = {
      object: 'list',
      data: [{ object: 'embedding', embedding: vector, index: 0 }],
      model: 'm',
      usage: { prompt_tokens: 5, total_tokens: 5 },
    };
    const llama = { model: 'm', object: 'list', usage: { prompt_tokens: 5, total_tokens: 5 }, data: openai.data };
    for (const answer of [openai, llama]) {
      const bytes = Buffer.from(JSON.stringify(answer));
      const { batch, stats } = dialects.openai.readWholeNative('openai.embeddings', bytes, { from: 'm', to: 'other' });
      expect(stats.usage).toEqual({ promptTokens: 5, completionTokens: 0 });
      expect(JSON.parse(Buffer.from(batch.bytes).toString())).toEqual({ ...answer, model: 'other' });
    }
    const ollama = { model: 'm', embeddings: [vector], total_duration: 2e6, prompt_eval_count: 5 };
    const { stats } = dialects.ollama.readWholeNative('ollama.embed', Buffer.from(JSON.stringify(ollama)));
    expect(stats).toMatchObject({ usage: { promptTokens: 5 }, timings: { totalMs: 2 } });
  });

  test.each([
    ['ollama.chat', ''],
    ['ollama.chat', '{"error":"x"}'],
    ['ollama.chat', '{"message":{"content":"a"},"done":false}'],
    ['ollama.embed', '{"model":"m"}'],
    ['openai.chat', '{"choices":[]}'],
    ['openai.chat', '<html>'],
    ['openai.embeddings', '{"data":{}}'],
    ['openai.embeddings', ''],
  ] as const)('%s refuses %j', (endpoint, text) => {
    const { dialect } = endpoints[endpoint];
    expect(() => dialects[dialect].readWholeNative(endpoint, Buffer.from(text))).toThrow(ClusterError);
    expect(() => dialects[dialect].readWholeEvents(endpoint, Buffer.from(text))).toThrow(ClusterError);
  });
});
