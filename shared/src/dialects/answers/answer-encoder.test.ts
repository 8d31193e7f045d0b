import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ChatEvent, FinishReason, ResponseEnd } from '../../chat/chat-event.ts';
import { type EndpointName, endpoints } from '../../chat/endpoints.ts';
import { type Folded, foldEvents } from '../../chat/fold.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import type { AnswerEncoderOptions } from '../dialect.ts';
import { dialects } from '../dialects.ts';
import { cutAt } from './recordings.ts';

const options: AnswerEncoderOptions = {
  model: 'm "1"',
  requestId: 'r1',
  createdAt: new Date('2026-11-21T10:34:51.5Z'),
  includeUsage: true,
  stream: true,
  now: () => Date.parse('2026-11-21T10:34:51.528Z'),
};

function encoder(endpoint: EndpointName, changes: Partial<AnswerEncoderOptions> = {}) {
  return dialects[endpoints[endpoint].dialect].createAnswerEncoder(endpoint, { ...options, ...changes });
}

function write(
  endpoint: EndpointName,
  events: readonly ChatEvent[],
  changes: Partial<AnswerEncoderOptions> = {},
): string {
  const writing = encoder(endpoint, changes);
  return events.map((event) => Buffer.from(writing.encode([event])).toString()).join('');
}

const end: ResponseEnd = {
  type: 'response-end',
  finishReason: 'stop',
  usage: { promptTokens: 5, completionTokens: 2, cachedTokens: 4 },
  timings: { totalMs: 1.5, loadMs: 0, prefillMs: 0.25, decodeMs: 1 },
};
const hello: ChatEvent = { type: 'text-delta', text: 'Hello' };
const hm: ChatEvent = { type: 'thinking-delta', text: 'hm' };
const call: ChatEvent = { type: 'tool-call', call: { index: 0, id: 'c1', name: 'f', arguments: '{"b": 1, "a": 2}' } };

describe('streams, word for word', () => {
  const at = '"created_at":"2026-11-21T10:34:51.528000000Z"';
  const totals =
    '"total_duration":1500000,"load_duration":250000,"prompt_eval_count":5,"prompt_eval_cached_count":4,"prompt_eval_duration":250000,"eval_count":2,"eval_duration":1000000';

  test('Ollama chat', () => {
    expect(write('ollama.chat', [hm, hello, call, end]).split('\n')).toEqual([
      `{"model":"m \\"1\\"",${at},"message":{"role":"assistant","content":"","thinking":"hm"},"done":false}`,
      `{"model":"m \\"1\\"",${at},"message":{"role":"assistant","content":"Hello"},"done":false}`,
      `{"model":"m \\"1\\"",${at},"message":{"role":"assistant","content":"","tool_calls":[{"id":"c1","function":{"index":0,"name":"f","arguments":{"b": 1, "a": 2}}}]},"done":false}`,
      `{"model":"m \\"1\\"",${at},"message":{"role":"assistant","content":""},"done":true,"done_reason":"stop",${totals}}`,
      '',
    ]);
  });

  test('Ollama generate', () => {
    expect(write('ollama.generate', [hello, { ...end, context: [1, 2] }]).split('\n')).toEqual([
      `{"model":"m \\"1\\"",${at},"response":"Hello","done":false}`,
      `{"model":"m \\"1\\"",${at},"response":"","done":true,"done_reason":"stop","context":[1,2],${totals}}`,
      '',
    ]);
  });

  test('OpenAI chat', () => {
    const head =
      '{"id":"chatcmpl-r1","object":"chat.completion.chunk","created":1795257291,"model":"m \\"1\\"","system_fingerprint":"fp_waggle","choices":[';
    expect(write('openai.chat', [hm, hello, call, end]).split('\n\n')).toEqual([
      `data: ${head}{"index":0,"delta":{"role":"assistant","reasoning":"hm","reasoning_content":"hm"},"finish_reason":null}],"usage":null}`,
      `data: ${head}{"index":0,"delta":{"content":"Hello"},"finish_reason":null}],"usage":null}`,
      `data: ${head}{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":"{\\"b\\": 1, \\"a\\": 2}"}}]},"finish_reason":null}],"usage":null}`,
      `data: ${head}{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}`,
      `data: ${head}],"usage":{"prompt_tokens":5,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens":2,"total_tokens":7}}`,
      'data: [DONE]',
      '',
    ]);
  });

  test('OpenAI chat without a word has its role all the same, and no usage unless asked', () => {
    const events = write('openai.chat', [end], { includeUsage: false }).split('\n\n');
    expect(events).toHaveLength(4);
    expect(events[0]).toContain('"delta":{"role":"assistant","content":""},"finish_reason":null}]}');
    expect(events[1]).toContain('"delta":{},"finish_reason":"stop"}]}');
    expect(events[2]).toBe('data: [DONE]');
  });

  test('OpenAI completions', () => {
    const head =
      '{"id":"cmpl-r1","object":"text_completion","created":1795257291,"model":"m \\"1\\"","system_fingerprint":"fp_waggle","choices":[';
    expect(write('openai.completions', [hello, end], { includeUsage: false }).split('\n\n')).toEqual([
      `data: ${head}{"text":"Hello","index":0,"logprobs":null,"finish_reason":null}]}`,
      `data: ${head}{"text":"","index":0,"logprobs":null,"finish_reason":"stop"}]}`,
      'data: [DONE]',
      '',
    ]);
  });

  test('places of log probabilities count through the whole text', () => {
    const said = ['Hel', 'lo'].map(
      (text): ChatEvent => ({ type: 'text-delta', text, logprobs: [{ token: text, logprob: 0 }] }),
    );
    const offsets = write('openai.completions', said).match(/"text_offset":\[\d+\]/g);
    expect(offsets).toEqual(['"text_offset":[0]', '"text_offset":[3]']);
  });
});

describe('whole answers', () => {
  const whole = (endpoint: EndpointName, events: readonly ChatEvent[], changes: Partial<AnswerEncoderOptions> = {}) =>
    Buffer.from(encoder(endpoint, { stream: false, ...changes }).encodeWhole(events)).toString();

  test.each([
    ['ollama.chat', /\}$/],
    ['ollama.generate', /\}$/],
    ['openai.chat', /\}\n$/],
    ['openai.completions', /\}\n$/],
  ] as const)('%s ends as its own server ends it', (endpoint, form) => {
    expect(whole(endpoint, [hello, end])).toMatch(form);
  });

  test('the answer to a load request', () => {
    const load: ChatEvent = { type: 'response-end', finishReason: 'load' };
    const at = '"created_at":"2026-11-21T10:34:51.528000000Z"';
    expect(whole('ollama.chat', [load], { model: 'm' })).toBe(
      `{"model":"m",${at},"message":{"role":"assistant","content":""},"done":true,"done_reason":"load"}`,
    );
    expect(whole('ollama.generate', [{ ...load, finishReason: 'unload' }], { model: 'm' })).toBe(
      `{"model":"m",${at},"response":"","done":true,"done_reason":"unload"}`,
    );
    const none: ChatEvent = { type: 'embeddings', vectors: [] };
    const timed: ChatEvent = { ...load, timings: { totalMs: 1 } };
    expect(whole('ollama.embed', [none, timed], { model: 'm' })).toBe('{"model":"m","embeddings":[]}');
    expect(whole('ollama.embed', [none, load], { model: 'm' })).toBe('{"model":"m","embeddings":[]}');
    expect(whole('ollama.embeddings', [none, load])).toBe('{"embedding":[]}');
  });

  test('embeddings', () => {
    const events: ChatEvent[] = [
      {
        type: 'embeddings',
        vectors: [
          [3, -4],
          [2, 0],
        ],
      },
      end,
    ];
    expect(whole('ollama.embed', events, { model: 'm' })).toBe(
      '{"model":"m","embeddings":[[0.6,-0.8],[1,0]],"total_duration":1500000,"load_duration":1,"prompt_eval_count":5}',
    );
    expect(whole('ollama.embeddings', events)).toBe('{"embedding":[3,-4]}');
    const openai = { object: 'list', model: 'm', usage: { prompt_tokens: 5, total_tokens: 5 } };
    expect(JSON.parse(whole('openai.embeddings', events, { model: 'm' }))).toEqual({
      ...openai,
      data: [
        { object: 'embedding', embedding: [3, -4], index: 0 },
        { object: 'embedding', embedding: [2, 0], index: 1 },
      ],
    });
    expect(JSON.parse(whole('openai.embeddings', events, { model: 'm', encoding: 'base64' }))).toMatchObject({
      data: [{ embedding: 'AABAQAAAgMA=' }, { embedding: 'AAAAQAAAAAA=' }],
    });
  });

  test('a call without an id gets one', () => {
    const bare: ChatEvent = { type: 'tool-call', call: { index: 1, name: 'f', arguments: '{}' } };
    expect(JSON.parse(whole('openai.chat', [bare, { ...end, finishReason: 'tool-calls' }]))).toMatchObject({
      choices: [{ finish_reason: 'tool_calls', message: { content: '', tool_calls: [{ id: 'call_r1_1' }] } }],
    });
  });

  test('an answer without its end is none', () => {
    for (const endpoint of Object.keys(endpoints) as EndpointName[])
      expect(() => whole(endpoint, [hello])).toThrow(ClusterError);
  });

  test('arguments that are no object cannot be said to a client of Ollama', () => {
    const broken: ChatEvent = { type: 'tool-call', call: { index: 0, name: 'f', arguments: '{"a":' } };
    expect(() => whole('ollama.chat', [broken, end])).toThrow(/no JSON object/);
  });
});

describe('what was written is read back', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('"},"done":true}', '\n\ndata: [DONE]\n\n', '\\"'),
  );
  const filled = text.filter((value) => value !== '' && value.isWellFormed());
  const logprob = fc.record({
    token: filled,
    logprob: fc.constantFrom(-1.5, 0),
    bytes: fc.constant([1, 2]),
    topLogprobs: fc.constant([{ token: 'x', logprob: -1, bytes: [1] }]),
  });
  const said = fc.oneof(
    filled.map((value): ChatEvent => ({ type: 'text-delta', text: value })),
    filled.map((value): ChatEvent => ({ type: 'thinking-delta', text: value })),
    fc.tuple(filled, logprob).map(([value, one]): ChatEvent => ({ type: 'text-delta', text: value, logprobs: [one] })),
  );
  const calls = fc.array(fc.tuple(filled, fc.dictionary(filled, fc.oneof(filled, fc.integer()))), { maxLength: 3 });
  const usage = fc.record({ promptTokens: fc.nat(), completionTokens: fc.nat(), cachedTokens: fc.nat() });
  const answer = fc
    .record({
      said: fc.array(said, { maxLength: 8 }),
      calls,
      usage,
      reason: fc.constantFrom<FinishReason>('stop', 'length'),
    })
    .map((parts): ChatEvent[] => [
      ...parts.said,
      ...parts.calls.map(
        ([name, given], index): ChatEvent => ({
          type: 'tool-call',
          call: { index, id: `c${index}`, name, arguments: JSON.stringify(given) },
        }),
      ),
      { type: 'response-end', finishReason: parts.calls.length > 0 ? 'tool-calls' : parts.reason, usage: parts.usage },
    ]);
  const places = fc.array(fc.nat(5_000), { maxLength: 20 });

  /** Neither family says everything: times, and of completions thinking and calls. */
  function comparable({ text: words, thinking, toolCalls, logprobs, finishReason, usage: counted }: Folded) {
    return { words, thinking, toolCalls, logprobs, finishReason, usage: counted };
  }

  test.each(['ollama.chat', 'ollama.generate', 'openai.chat'] as const)('%s', (endpoint) => {
    const dialect = dialects[endpoints[endpoint].dialect];
    fc.assert(
      fc.property(answer, places, (events, cuts) => {
        const expected = comparable(foldEvents(events));
        const written = Buffer.from(encoder(endpoint).encode(events));
        const reader = dialect.createEventReader(endpoint, { stream: true });
        const read = cutAt(written, cuts).flatMap((chunk) => reader.push(chunk)?.events ?? []);
        expect(comparable(foldEvents([...read, ...(reader.finish().batch?.events ?? [])]))).toEqual(expected);
        const whole = encoder(endpoint, { stream: false }).encodeWhole(events);
        expect(comparable(foldEvents(dialect.readWholeEvents(endpoint, whole).batch.events))).toEqual(expected);
        // The native reader takes what our own encoder writes, too.
        const native = dialect.createNativeReader(endpoint, { stream: true });
        const passed = cutAt(written, cuts).map((chunk) => native.push(chunk)?.bytes ?? Buffer.alloc(0));
        expect(Buffer.concat(passed).equals(written)).toBe(true);
        expect(native.finish().end.usage).toEqual(expected.usage);
      }),
      { numRuns: 200 },
    );
  });

  test('openai.completions', () => {
    fc.assert(
      fc.property(fc.array(filled, { maxLength: 6 }), places, (texts, cuts) => {
        const events: ChatEvent[] = [...texts.map((one): ChatEvent => ({ type: 'text-delta', text: one })), end];
        const written = Buffer.from(encoder('openai.completions').encode(events));
        const reader = dialects.openai.createEventReader('openai.completions', { stream: true });
        const read = cutAt(written, cuts).flatMap((chunk) => reader.push(chunk)?.events ?? []);
        expect(foldEvents([...read, ...(reader.finish().batch?.events ?? [])]).text).toBe(texts.join(''));
      }),
    );
  });
});
