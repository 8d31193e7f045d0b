import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { batchKind } from '../../chat/answer-batch.ts';
import type { ChatEvent } from '../../chat/chat-event.ts';
import { type EndpointName, endpoints } from '../../chat/endpoints.ts';
import { foldEvents } from '../../chat/fold.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import type { JobStats } from '../dialect.ts';
import { dialects } from '../dialects.ts';
import { cutAt, readRecordings } from './recordings.ts';

const recordings = readRecordings().filter(({ status }) => status === 200);
const good = recordings.filter(({ name }) => name !== 'generate-stream-runner-killed');

interface ReadAll {
  readonly events: readonly ChatEvent[];
  readonly kinds: number;
  readonly end: JobStats;
}

function readAll(endpoint: EndpointName, chunks: readonly Uint8Array[], stream: boolean): ReadAll {
  const reader = dialects[endpoints[endpoint].dialect].createEventReader(endpoint, { stream });
  const batches = chunks.map((chunk) => reader.push(chunk));
  const { end, batch } = reader.finish();
  const given = [...batches, batch].filter((one) => one !== undefined);
  return {
    events: given.flatMap(({ events }) => events),
    kinds: given.reduce((kinds, one) => kinds | one.kinds, 0),
    end,
  };
}

function find(engine: string, name: string) {
  const entry = good.find((recording) => recording.engine === engine && recording.name === name);
  if (entry === undefined) throw new Error(`no recording ${engine} ${name}`);
  return entry;
}

function fold(engine: string, name: string) {
  const { endpoint, bytes, isStream } = find(engine, name);
  return foldEvents(readAll(endpoint, [bytes], isStream).events);
}

test('of several answers the first is read, and nothing of a frame that says nothing', () => {
  const chunk = (index: number, text: string, finish = 'null') =>
    `data: {"choices":[{"text":"${text}","index":${index},"finish_reason":${finish}}]}\n\n`;
  const said = `data: null\n\n${chunk(1, 'x')}${chunk(0, 'a')}${chunk(1, '', '"stop"')}${chunk(0, 'b', '"length"')}`;
  const { events } = readAll('openai.completions', [Buffer.from(`${said}data: [DONE]\n\n`)], true);
  expect(foldEvents(events)).toMatchObject({ text: 'ab', finishReason: 'length' });
});

describe('every recording', () => {
  test.each(good.map((entry) => [`${entry.engine} ${entry.name}`, entry] as const))('%s', (_, recording) => {
    const { endpoint, bytes, isStream } = recording;
    const whole = readAll(endpoint, [bytes], isStream);
    expect(whole.events.filter(({ type }) => type === 'response-end')).toHaveLength(1);
    expect(whole.events.at(-1)?.type).toBe('response-end');
    expect(whole.kinds & batchKind.end).toBe(batchKind.end);
    fc.assert(
      fc.property(fc.array(fc.nat(5_000), { maxLength: 40 }), (cuts) => {
        expect(readAll(endpoint, cutAt(bytes, cuts), isStream)).toEqual(whole);
      }),
      { numRuns: 20 },
    );
    // What is read natively says the same of the whole.
    const native = dialects[endpoints[endpoint].dialect].createNativeReader(endpoint, { stream: isStream });
    native.push(bytes);
    expect(native.finish().end).toEqual(whole.end);
  });

  test('a stream says what the whole answer says', () => {
    for (const [stream, whole] of [
      ['chat-stream-thinking', 'chat-thinking'],
      ['v1-chat-stream-thinking', 'v1-chat-thinking'],
    ] as const) {
      const { text, thinking, finishReason } = fold('ollama-0.34', stream);
      expect(fold('ollama-0.34', whole)).toMatchObject({ text, thinking, finishReason });
      expect(thinking).toBe('Seven times six makes forty two, minus two gives forty.');
      expect(text).toBe('The result is 40.');
    }
  });
});

describe('tool calls', () => {
  test('of Ollama, in a line of their own', () => {
    const { toolCalls, finishReason } = fold('ollama-0.34', 'chat-stream-tools');
    expect(toolCalls).toMatchObject([{ index: 0, name: 'get_temperature', arguments: '{"city":"Lisbon"}' }]);
    expect(finishReason).toBe('tool-calls');
  });

  test('of Ollama, in the final line, counted over lines', () => {
    const call = (name: string) => ({ function: { index: 0, name, arguments: { b: 1, a: [2] } } });
    const line = (names: string[], rest: object) =>
      `${JSON.stringify({ model: 'm', message: { role: 'assistant', content: '', tool_calls: names.map(call) }, ...rest })}\n`;
    const text = line(['one'], { done: false }) + line(['two', 'three'], { done: true, done_reason: 'stop' });
    const { toolCalls, finishReason } = foldEvents(readAll('ollama.chat', [Buffer.from(text)], true).events);
    expect(toolCalls.map(({ index, name }) => [index, name])).toEqual([
      [0, 'one'],
      [1, 'two'],
      [2, 'three'],
    ]);
    expect(toolCalls[0]?.arguments).toBe('{"b":1,"a":[2]}');
    expect(finishReason).toBe('tool-calls');
  });

  test('of vLLM, joined from fragments', () => {
    const { toolCalls, finishReason } = fold('vllm-sim', 'chat-tools-required-stream');
    expect(toolCalls).toEqual([
      { index: 0, id: 'chatcmpl-tool-2984157656', name: 'get_weather', arguments: '{"city":"Boston"}' },
    ]);
    expect(finishReason).toBe('tool-calls');
  });

  test.each([
    ['by index', { index: 0 }, { index: 1 }],
    ['by id where there is no index', { id: 'a' }, { id: 'b' }],
  ])('several, told apart %s', (_, first, second) => {
    const chunk = (...calls: object[]) =>
      `data: ${JSON.stringify({ choices: [{ index: 0, delta: { tool_calls: calls } }] })}\n\n`;
    const part = (key: object, name: string | undefined, text: string) => ({
      ...key,
      function: { name, arguments: text },
    });
    const more = (key: object, text: string) =>
      'index' in key ? part(key, undefined, text) : part({}, undefined, text);
    const text = [
      chunk(part({ id: 'a', ...first }, 'one', '')),
      chunk(more(first, '{"x"')),
      chunk(more(first, ':1}')),
      chunk(part({ id: 'b', ...second }, 'two', '{}')),
      'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
    ].join('');
    const { toolCalls, finishReason } = foldEvents(readAll('openai.chat', [Buffer.from(text)], true).events);
    expect(toolCalls).toEqual([
      { index: 0, id: 'a', name: 'one', arguments: '{"x":1}' },
      { index: 1, id: 'b', name: 'two', arguments: '{}' },
    ]);
    expect(finishReason).toBe('tool-calls');
  });
});

test.each([
  ['END', { stopSequence: 'END' }],
  ['', {}],
])('a stopping_word %j of a verbose llama-server', (word, told) => {
  const chunk = { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], __verbose: { stopping_word: word } };
  const { events } = readAll('openai.chat', [Buffer.from(`data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`)], true);
  expect(events.at(-1)).toEqual({ type: 'response-end', finishReason: 'stop', ...told });
});

test.each([
  ['"END"', { stopSequence: 'END' }],
  ['2', {}],
  ['null', {}],
])('a stop_reason of %s', (reason, told) => {
  const text = `data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop","stop_reason":${reason}}]}\n\ndata: [DONE]\n\n`;
  const { events } = readAll('openai.chat', [Buffer.from(text)], true);
  expect(events.at(-1)).toEqual({ type: 'response-end', finishReason: 'stop', ...told });
});

describe('thinking, under whatever name', () => {
  test.each(['reasoning', 'reasoning_content'])('%s', (key) => {
    const text = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { [key]: 'hm' } }] })}\n\ndata: {"choices":[{"index":0,"delta":{"content":"yes"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`;
    expect(readAll('openai.chat', [Buffer.from(text)], true).events.slice(0, 2)).toEqual([
      { type: 'thinking-delta', text: 'hm' },
      { type: 'text-delta', text: 'yes' },
    ]);
  });

  test('both names at once are one thought', () => {
    const text =
      '{"choices":[{"message":{"content":"a","reasoning":"b","reasoning_content":"b"},"finish_reason":"stop"}]}';
    const { batch } = dialects.openai.readWholeEvents('openai.chat', Buffer.from(text));
    expect(foldEvents(batch.events)).toMatchObject({ text: 'a', thinking: 'b' });
  });
});

describe('log probabilities', () => {
  test.each([
    ['ollama-0.34', 'chat-stream-logprobs', 'Bees'],
    ['ollama-0.34', 'generate-logprobs', ' deka'],
    ['ollama-0.34', 'v1-chat-logprobs-stream', 'Bees'],
    ['vllm-sim', 'chat-logprobs', 'Hello '],
    ['llama-server', 'chat-logprobs', 'Bees'],
    ['llama-server', 'completions-logprobs', 'Bees'],
  ])('%s %s', (engine, name, token) => {
    const { logprobs } = fold(engine, name);
    expect(logprobs?.[0]).toMatchObject({ token, bytes: [...Buffer.from(token)] });
    expect(logprobs?.[0]?.topLogprobs?.length).toBeGreaterThan(0);
  });

  test('in the lists of older completions', () => {
    const logprobs = {
      tokens: ['a', 'b'],
      token_logprobs: [null, -2],
      top_logprobs: [null, { b: -2, c: -3 }],
      text_offset: [0, 1],
    };
    const text = JSON.stringify({ choices: [{ text: 'ab', index: 0, logprobs, finish_reason: 'stop' }] });
    const { batch } = dialects.openai.readWholeEvents('openai.completions', Buffer.from(text));
    expect(foldEvents(batch.events).logprobs).toEqual([
      { token: 'a', logprob: 0 },
      {
        token: 'b',
        logprob: -2,
        topLogprobs: [
          { token: 'b', logprob: -2 },
          { token: 'c', logprob: -3 },
        ],
      },
    ]);
  });
});

describe('embeddings', () => {
  test('base64 and numbers are the same vector', () => {
    const numbers = fold('vllm-sim', 'embeddings').vectors;
    const base64 = fold('vllm-sim', 'embeddings-base64').vectors;
    expect(base64[0]).toEqual(numbers[0]);
    expect(numbers).toHaveLength(2);
  });

  test('come in the order of their index', () => {
    const item = (index: number) => ({ object: 'embedding', index, embedding: [index] });
    const text = JSON.stringify({ object: 'list', data: [item(1), item(0)] });
    expect(
      foldEvents(dialects.openai.readWholeEvents('openai.embeddings', Buffer.from(text)).batch.events).vectors,
    ).toEqual([[0], [1]]);
  });

  test.each(['[]', '["a"]', '[1,null]', '"AAA="', '""', 'null'])('a vector of %s is no vector', (vector) => {
    const text = `{"object":"list","data":[{"index":0,"embedding":${vector}}]}`;
    expect(() => dialects.openai.readWholeEvents('openai.embeddings', Buffer.from(text))).toThrow(ClusterError);
  });
});

test('the error of a killed runner ends the events', () => {
  const killed = recordings.find(({ name }) => name === 'generate-stream-runner-killed');
  expect(() => readAll('ollama.generate', [killed?.bytes ?? Buffer.alloc(0)], true)).toThrow('unexpected EOF');
});

test.each([
  ['{"error":"died"}', 'died'],
  ['{"model":"m","mess', 'stream ended without a final answer'],
  ['{"model":"m","message":{"content":"a"},"done":false}', 'stream ended without a final answer'],
])('%s without a line end', (text, message) => {
  expect(() => readAll('ollama.chat', [Buffer.from(text)], true)).toThrow(message);
});
