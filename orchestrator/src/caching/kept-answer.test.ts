import { expect, test } from 'vitest';
import { joinBatches, type KeptAnswer, replay, sizeOf } from './kept-answer.ts';

const usage = { promptTokens: 20, completionTokens: 2 };

function keptOpenai(lines: readonly object[], stream: boolean): KeptAnswer {
  const text = stream
    ? `${lines.map((line) => `data: ${JSON.stringify(line)}\n\n`).join('')}data: [DONE]\n\n`
    : JSON.stringify(lines[0]);
  const batch = { form: 'native', kinds: 34, deltas: 2, bytes: Buffer.from(text) } as const;
  return { endpoint: 'openai.chat', stream, batch, node: 'a', usage };
}

const delta = (content: string) => ({ choices: [{ index: 0, delta: { content } }] });
const finish = { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] };

test('the engine’s own bytes are given as they came to who wants them that way', () => {
  const kept = keptOpenai([delta('a'), finish], true);
  expect(replay(kept, true)).toBe(kept.batch);
});

test('a stream becomes a whole, with the usage its client did not ask for', () => {
  const events = [
    { type: 'text-delta', text: 'a' },
    { type: 'text-delta', text: 'b' },
    { type: 'response-end', finishReason: 'stop', usage },
  ];
  const kept = keptOpenai([delta('a'), delta('b'), finish], true);
  expect(replay(kept, false)).toEqual({ form: 'events', kinds: 34, deltas: 2, events });
});

test('a whole becomes a stream, with its own usage', () => {
  const message = { role: 'assistant', content: 'ab' };
  const own = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 };
  const kept = keptOpenai([{ choices: [{ index: 0, message, finish_reason: 'stop' }], usage: own }], false);
  expect(replay(kept, true)).toMatchObject({
    events: [
      { type: 'text-delta', text: 'ab' },
      { type: 'response-end', finishReason: 'stop', usage: { promptTokens: 7, completionTokens: 3 } },
    ],
  });
});

test('an answer without its end is none, nor one of two forms', () => {
  const native = { form: 'native', kinds: 2, deltas: 1, bytes: Buffer.from('a') } as const;
  const end = {
    form: 'events',
    kinds: 32,
    deltas: 0,
    events: [{ type: 'response-end', finishReason: 'stop' }],
  } as const;
  expect(joinBatches([native])).toBeUndefined();
  expect(joinBatches([native, end])).toBeUndefined();
  expect(joinBatches([end])).toEqual(end);
});

test('whatever is long in an answer counts', () => {
  const sizeOfEvents = (...events: Parameters<typeof toBatch>[0]) => sizeOf(toBatch(events));
  const toBatch = (events: Extract<KeptAnswer['batch'], { form: 'events' }>['events']) =>
    ({ form: 'events', kinds: 2, deltas: 1, events }) as const;
  const long = 'x'.repeat(1_000);
  const end = { type: 'response-end', finishReason: 'stop' } as const;
  expect(sizeOfEvents({ type: 'text-delta', text: long })).toBeGreaterThan(2_000);
  expect(sizeOfEvents({ type: 'thinking-delta', text: long })).toBeGreaterThan(2_000);
  const call = { index: 0, id: 'c', name: 'f', arguments: long };
  expect(sizeOfEvents({ type: 'tool-call', call })).toBeGreaterThan(2_000);
  const vectors = [new Array<number>(1_000).fill(0)];
  expect(sizeOfEvents({ type: 'embeddings', vectors })).toBeGreaterThan(8_000);
  expect(sizeOfEvents({ ...end, context: new Array<number>(1_000).fill(0) })).toBeGreaterThan(8_000);
  const logprobs = [{ token: 'x', logprob: -1, topLogprobs: [{ token: 'y', logprob: -2 }] }];
  expect(sizeOfEvents({ type: 'text-delta', text: '', logprobs })).toBeGreaterThan(sizeOfEvents(end) + 500);
});
