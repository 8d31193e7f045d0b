import { expect, test } from 'vitest';
import type { ChatEvent } from './chat-event.ts';
import { foldEvents, foldStream } from './fold.ts';

const events: ChatEvent[] = [
  { type: 'thinking-delta', text: 'h' },
  { type: 'thinking-delta', text: 'm' },
  { type: 'text-delta', text: 'Hel', logprobs: [{ token: 'Hel', logprob: -1 }] },
  { type: 'text-delta', text: 'lo' },
  { type: 'tool-call', call: { index: 0, name: 'f', arguments: '{}' } },
  { type: 'embeddings', vectors: [[1], [2]] },
  { type: 'embeddings', vectors: [[3]] },
  {
    type: 'response-end',
    finishReason: 'tool-calls',
    usage: { promptTokens: 3, completionTokens: 2 },
    timings: { decodeMs: 5 },
  },
];

async function* stream(list: readonly ChatEvent[]): AsyncGenerator<ChatEvent> {
  yield* list;
}

test('everything that was said', async () => {
  const folded = foldEvents(events);
  expect(folded).toMatchObject({
    text: 'Hello',
    thinking: 'hm',
    toolCalls: [{ name: 'f' }],
    logprobs: [{ token: 'Hel', logprob: -1 }],
    vectors: [[1], [2], [3]],
    finishReason: 'tool-calls',
    usage: { promptTokens: 3, completionTokens: 2 },
    timings: { decodeMs: 5 },
  });
  expect(await foldStream(stream(events))).toEqual(folded);
});

test('a stream that stops before its end is an error', async () => {
  expect(() => foldEvents(events.slice(0, -1))).toThrow('before its last event');
  await expect(foldStream(stream([]))).rejects.toThrow('before its last event');
});
