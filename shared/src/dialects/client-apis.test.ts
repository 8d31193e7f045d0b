import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ChatEvent } from '../chat/chat-event.ts';
import { ClusterError } from '../errors/cluster-error.ts';
import { createMessageEncoder } from './anthropic/answer-encoder.ts';
import { readMessagesRequest } from './anthropic/read-request.ts';
import { type JsonObject, toText } from './json/json-value.ts';
import { openai } from './openai/openai.ts';
import { createResponseEncoder } from './responses/answer-encoder.ts';
import { readResponsesRequest } from './responses/read-request.ts';

/** Words that the APIs give a meaning to, so that chance finds the places where they are read. */
const words = fc.constantFrom(
  ...[
    'model',
    'messages',
    'input',
    'role',
    'content',
    'type',
    'text',
    'user',
    'assistant',
    'system',
    'tool_result',
    'id',
  ],
  ...['tool_use', 'thinking', 'image', 'source', 'base64', 'name', 'tools', 'tool_choice', 'any', 'function', 'output'],
  ...['function_call', 'function_call_output', 'call_id', 'reasoning', 'summary', 'message', 'input_text', 'arguments'],
  ...['input_image', 'image_url', 'custom', 'namespace', 'allowed_tools', 'mode', 'auto', 'format', 'json_schema'],
  ...['output_config', 'effort', 'stop_sequences', 'max_tokens', 'include', 'metadata', 'tool_use_id', 'is_error'],
);
const { body } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false, 0, 1, -1, 1.5, ''),
    words,
    fc.string(),
    fc.array(tie('value'), { maxLength: 3 }),
    tie('object'),
  ),
  object: fc.dictionary(fc.oneof(words, fc.string()), tie('value'), { maxKeys: 5 }),
  body: fc.tuple(tie('object'), fc.array(tie('object'), { maxLength: 4 })),
}));

function judge(read: () => unknown): void {
  try {
    read();
  } catch (thrown) {
    if (!(thrown instanceof ClusterError)) throw thrown;
    expect(thrown.httpStatus).toBe(400);
  }
}

describe('whatever is sent is understood or refused', () => {
  const options = {
    canThink: () => true,
    before: () => [],
    item: () => ({ type: 'message', role: 'user', content: 'x' }),
  };

  test('as messages', () => {
    fc.assert(
      fc.property(body, ([fields, messages]) => {
        judge(() => {
          const full = { model: 'm', max_tokens: 9, messages, ...(fields as object) };
          const { chat, passedOn } = readMessagesRequest(full, { countsOnly: false });
          openai.inspectRequest('openai.chat', { ...passedOn, ...openai.encodeRequest(chat).body });
        });
      }),
      { numRuns: 2_000 },
    );
  });

  test('as responses', () => {
    fc.assert(
      fc.property(body, ([fields, input]) => {
        judge(() => {
          openai.inspectRequest(
            'openai.chat',
            readResponsesRequest({ model: 'm', input, ...(fields as object) }, options).chat,
          );
        });
      }),
      { numRuns: 2_000 },
    );
  });
});

const step: fc.Arbitrary<ChatEvent> = fc.oneof(
  fc.record({ type: fc.constant('text-delta' as const), text: fc.string() }),
  fc.record({ type: fc.constant('thinking-delta' as const), text: fc.string() }),
  fc.record({
    type: fc.constant('tool-call' as const),
    call: fc.record({
      index: fc.nat(9),
      name: fc.string({ minLength: 1 }),
      arguments: fc.constantFrom('{}', '{"a":"\\n"}', ''),
    }),
  }),
);
const answer = fc.tuple(
  fc.array(fc.array(step, { maxLength: 4 }), { maxLength: 6 }),
  fc.constantFrom('stop' as const, 'length' as const),
);

function toEvents(
  encode: (events: readonly ChatEvent[]) => Uint8Array,
  [batches, finishReason]: [ChatEvent[][], 'stop' | 'length'],
) {
  const text = [...batches, [{ type: 'response-end', finishReason } as const]]
    .map((batch) => Buffer.from(encode(batch)).toString())
    .join('');
  return text
    .trimEnd()
    .split('\n\n')
    .map((frame) => JSON.parse(frame.slice(frame.indexOf('data: ') + 6)) as JsonObject);
}

const textOf = (delta: unknown): string => toText((delta as JsonObject)['text']) ?? '';

const joined = (batches: ChatEvent[][], type: 'text-delta' | 'thinking-delta'): string =>
  batches
    .flat()
    .map((event) => (event.type === type ? event.text : ''))
    .join('');

describe('whatever is answered is told in order', () => {
  test('as messages: each block is opened, filled and closed before the next', () => {
    fc.assert(
      fc.property(answer, ([batches, reason]) => {
        const encoder = createMessageEncoder({ model: 'm', requestId: 'r', promptTokens: 1 });
        const told = toEvents((given) => encoder.encode(given), [batches, reason]);
        const events = told.filter(({ type }) => type !== 'ping');
        expect(events[0]?.['type']).toBe('message_start');
        expect(events.slice(-2).map(({ type }) => type)).toEqual(['message_delta', 'message_stop']);
        let blocks = 0;
        let open: number | undefined;
        let text = '';
        for (const event of events.slice(1, -2)) {
          if (event['type'] === 'content_block_start') {
            expect([open, event['index']]).toEqual([undefined, blocks]);
            open = blocks++;
          } else {
            expect(event['index']).toBe(open);
            if (event['type'] === 'content_block_stop') open = undefined;
            else text += textOf(event['delta']);
          }
        }
        expect(open).toBeUndefined();
        expect(text).toBe(joined(batches, 'text-delta'));
      }),
    );
  });

  test('as responses: each item is added, filled and done before the next, and the response has them all', () => {
    fc.assert(
      fc.property(answer, fc.boolean(), ([batches, reason], asSummary) => {
        const encoder = createResponseEncoder({
          key: 'k',
          createdAt: new Date(0),
          echo: {},
          tools: new Map(),
          reasoning: { asSummary, isSealed: false },
          ended: () => undefined,
        });
        const events = toEvents((given) => encoder.encode(given), [batches, reason]);
        expect(events.map((event) => event['sequence_number'])).toEqual(events.map((_, index) => index));
        const done: unknown[] = [];
        let open: unknown;
        let text = '';
        for (const event of events.slice(2, -1)) {
          expect(event['output_index']).toBe(done.length);
          const type = String(event['type']);
          if (type === 'response.output_item.added') {
            expect(open).toBeUndefined();
            open = (event['item'] as JsonObject)['id'];
          } else if (type === 'response.output_item.done') {
            expect((event['item'] as JsonObject)['id']).toBe(open);
            done.push(event['item']);
            open = undefined;
          } else expect(event['item_id']).toBe(open);
          if (type === 'response.output_text.delta') text += String(event['delta']);
        }
        const response = events.at(-1)?.['response'] as JsonObject;
        expect(response['output']).toEqual(done);
        expect(response['status']).toBe(reason === 'stop' ? 'completed' : 'incomplete');
        expect(text).toBe(joined(batches, 'text-delta'));
      }),
    );
  });
});
