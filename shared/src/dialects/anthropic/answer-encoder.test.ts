import { expect, test } from 'vitest';
import type { ChatEvent } from '../../chat/chat-event.ts';
import { createMessageEncoder } from './answer-encoder.ts';

const end = (finishReason: 'stop' | 'length' | 'tool-calls' | 'content-filter' = 'stop'): ChatEvent => ({
  type: 'response-end',
  finishReason,
  usage: { promptTokens: 12, completionTokens: 5, cachedTokens: 8 },
});
const call: ChatEvent = {
  type: 'tool-call',
  call: { index: 0, id: 'call_1', name: 'w', arguments: '{"city":"Lisbon"}' },
};

function encoder() {
  return createMessageEncoder({ model: 'm', requestId: 'r.1', promptTokens: 3 });
}

/** Events of a stream given in batches; each must be named as its type says. */
function stream(...batches: ChatEvent[][]): Record<string, unknown>[] {
  const made = encoder();
  const text = batches.map((batch) => Buffer.from(made.encode(batch)).toString()).join('');
  expect(text.endsWith('\n\n')).toBe(true);
  return text
    .slice(0, -2)
    .split('\n\n')
    .map((frame) => {
      const [, name, data] = /^event: (\w+)\ndata: (.+)$/.exec(frame) ?? [];
      const event = JSON.parse(data ?? '') as Record<string, unknown>;
      expect(event['type']).toBe(name);
      return event;
    });
}

function whole(events: ChatEvent[]): Record<string, unknown> {
  return JSON.parse(Buffer.from(encoder().encodeWhole(events)).toString()) as Record<string, unknown>;
}

const usage = {
  input_tokens: 4,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 8,
  output_tokens: 5,
  output_tokens_details: null,
  server_tool_use: null,
};

test('thinking, text and a call, block by block', () => {
  const events = stream(
    [
      { type: 'thinking-delta', text: 'Hm' },
      { type: 'thinking-delta', text: 'm.' },
    ],
    [{ type: 'text-delta', text: 'Let me ' }],
    [{ type: 'text-delta', text: '' }, { type: 'text-delta', text: 'look.' }, call],
    [end('tool-calls')],
  );
  expect(events).toEqual([
    {
      type: 'message_start',
      message: {
        id: 'msg_r_1',
        type: 'message',
        role: 'assistant',
        model: 'm',
        content: [],
        container: null,
        diagnostics: null,
        stop_reason: null,
        stop_sequence: null,
        stop_details: null,
        usage: expect.objectContaining({ input_tokens: 3, output_tokens: 0 }),
      },
    },
    { type: 'ping' },
    { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '', signature: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'Hm' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'm.' } },
    {
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'signature_delta', signature: expect.stringMatching(/./) },
    },
    { type: 'content_block_stop', index: 0 },
    { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '', citations: null } },
    { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'Let me ' } },
    { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'look.' } },
    { type: 'content_block_stop', index: 1 },
    {
      type: 'content_block_start',
      index: 2,
      content_block: { type: 'tool_use', id: 'call_1', name: 'w', input: {}, caller: { type: 'direct' } },
    },
    {
      type: 'content_block_delta',
      index: 2,
      delta: { type: 'input_json_delta', partial_json: '{"city":"Lisbon"}' },
    },
    { type: 'content_block_stop', index: 2 },
    {
      type: 'message_delta',
      delta: { stop_reason: 'tool_use', stop_sequence: null, stop_details: null, container: null },
      usage,
    },
    { type: 'message_stop' },
  ]);
});

test('an answer without a word', () => {
  expect(stream([end()]).map(({ type }) => type)).toEqual(['message_start', 'ping', 'message_delta', 'message_stop']);
  expect(whole([end()])['content']).toEqual([]);
});

test('the same as a whole', () => {
  expect(
    whole([
      { type: 'thinking-delta', text: 'Hm' },
      { type: 'text-delta', text: 'Let me look.' },
      call,
      { type: 'tool-call', call: { index: 1, name: 'w', arguments: '' } },
      end(),
    ]),
  ).toMatchObject({
    type: 'message',
    role: 'assistant',
    content: [
      { type: 'thinking', thinking: 'Hm', signature: expect.stringMatching(/./) },
      { type: 'text', text: 'Let me look.' },
      { type: 'tool_use', id: 'call_1', name: 'w', input: { city: 'Lisbon' } },
      { type: 'tool_use', id: 'toolu_r_1_1', name: 'w', input: {} },
    ],
    stop_reason: 'tool_use',
    stop_sequence: null,
    usage,
  });
});

test.each([
  ['stop', 'end_turn'],
  ['length', 'max_tokens'],
  ['tool-calls', 'tool_use'],
  ['content-filter', 'refusal'],
] as const)('%s is %s', (reason, stopReason) => {
  expect(whole([{ type: 'text-delta', text: 'x' }, end(reason)])['stop_reason']).toBe(stopReason);
});

test('the stop sequence, where the engine tells it', () => {
  const stopped: ChatEvent = { type: 'response-end', finishReason: 'stop', stopSequence: 'END' };
  expect(whole([{ type: 'text-delta', text: 'x' }, stopped])).toMatchObject({
    stop_reason: 'stop_sequence',
    stop_sequence: 'END',
  });
  expect(stream([stopped]).at(-2)).toMatchObject({ delta: { stop_reason: 'stop_sequence', stop_sequence: 'END' } });
  expect(whole([call, stopped])).toMatchObject({ stop_reason: 'tool_use', stop_sequence: null });
});

test('arguments that are no object fail the answer', () => {
  const broken: ChatEvent = { type: 'tool-call', call: { index: 0, name: 'w', arguments: '[1' } };
  expect(() => stream([broken])).toThrow('called w with arguments');
  expect(() => whole([broken, end()])).toThrow('called w with arguments');
});
