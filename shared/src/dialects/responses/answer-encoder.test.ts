import { describe, expect, test } from 'vitest';
import type { ChatEvent, FinishReason } from '../../chat/chat-event.ts';
import { ClusterError } from '../../errors/cluster-error.ts';
import type { JsonObject } from '../json/json-value.ts';
import { createResponseEncoder, type ResponseEncoderOptions } from './answer-encoder.ts';
import type { OwnTool } from './tool-names.ts';

const end = (finishReason: FinishReason = 'stop'): ChatEvent => ({
  type: 'response-end',
  finishReason,
  usage: { promptTokens: 12, completionTokens: 8, cachedTokens: 4 },
});
const call = (name: string, text: string): ChatEvent => ({
  type: 'tool-call',
  call: { index: 0, id: 'call_1', name, arguments: text },
});

function encoder(options: Partial<ResponseEncoderOptions> = {}) {
  const kept: JsonObject[] = [];
  const made = createResponseEncoder({
    key: 'k',
    createdAt: new Date(5_000),
    now: () => 9_000,
    echo: { model: 'm' },
    tools: new Map<string, OwnTool>(),
    reasoning: { asSummary: false, isSealed: false },
    ended: (response) => kept.push(response),
    ...options,
  });
  return { ...made, kept };
}

/** Events of a stream; each must be named as its type says and counted from 0. */
function toEvents(bytes: Uint8Array): JsonObject[] {
  const text = Buffer.from(bytes).toString();
  expect(text.endsWith('\n\n')).toBe(true);
  const events = text
    .slice(0, -2)
    .split('\n\n')
    .map((frame) => {
      const [, name, data] = /^event: ([\w.]+)\ndata: (.+)$/.exec(frame) ?? [];
      const event = JSON.parse(data ?? '') as JsonObject;
      expect(event['type']).toBe(name);
      return event;
    });
  expect(events.map((event) => event['sequence_number'])).toEqual(events.map((_, index) => index));
  return events;
}

function stream(events: readonly ChatEvent[], options: Partial<ResponseEncoderOptions> = {}) {
  const made = encoder(options);
  const found = toEvents(Buffer.concat(events.map((event) => made.encode([event]))));
  return { events: found, types: found.map(({ type }) => String(type).replace('response.', '')), kept: made.kept };
}

const usage = {
  input_tokens: 12,
  input_tokens_details: { cached_tokens: 4, cache_write_tokens: 0 },
  output_tokens: 8,
  output_tokens_details: { reasoning_tokens: 4 },
  total_tokens: 20,
};

test('thinking, text and a call, item by item', () => {
  const { events, types, kept } = stream([
    { type: 'thinking-delta', text: 'Hm.' },
    { type: 'text-delta', text: 'O' },
    { type: 'text-delta', text: '' },
    { type: 'text-delta', text: 'k' },
    call('w', '1'),
    end('tool-calls'),
  ]);
  expect(types).toEqual([
    'created',
    'in_progress',
    'output_item.added',
    'content_part.added',
    'reasoning_text.delta',
    'reasoning_text.done',
    'content_part.done',
    'output_item.done',
    'output_item.added',
    'content_part.added',
    'output_text.delta',
    'output_text.delta',
    'output_text.done',
    'content_part.done',
    'output_item.done',
    'output_item.added',
    'function_call_arguments.delta',
    'function_call_arguments.done',
    'output_item.done',
    'completed',
  ]);
  expect(events[0]).toMatchObject({
    response: { id: 'resp_k', object: 'response', created_at: 5, status: 'in_progress', output: [] },
  });
  expect(events[10]).toMatchObject({ item_id: 'msg_k1', output_index: 1, content_index: 0, delta: 'O', logprobs: [] });
  expect(events[12]).toMatchObject({ item_id: 'msg_k1', output_index: 1, content_index: 0, text: 'Ok' });
  expect(events[17]).toMatchObject({ item_id: 'fc_k2', output_index: 2, name: 'w', arguments: '1' });
  expect(events.at(-1)?.['response']).toEqual({
    id: 'resp_k',
    object: 'response',
    created_at: 5,
    completed_at: 9,
    status: 'completed',
    error: null,
    incomplete_details: null,
    model: 'm',
    output: [
      {
        id: 'rs_k0',
        type: 'reasoning',
        status: 'completed',
        summary: [],
        content: [{ type: 'reasoning_text', text: 'Hm.' }],
      },
      {
        id: 'msg_k1',
        type: 'message',
        status: 'completed',
        role: 'assistant',
        content: [{ type: 'output_text', annotations: [], logprobs: [], text: 'Ok' }],
      },
      { id: 'fc_k2', type: 'function_call', status: 'completed', call_id: 'call_1', name: 'w', arguments: '1' },
    ],
    usage,
  });
  expect(kept).toEqual([events.at(-1)?.['response']]);
});

test('the same as a whole', () => {
  const given: ChatEvent[] = [
    { type: 'thinking-delta', text: 'Hm.' },
    { type: 'text-delta', text: 'Ok' },
    call('w', '1'),
    end('tool-calls'),
  ];
  const made = encoder();
  const whole = JSON.parse(Buffer.from(made.encodeWhole(given)).toString()) as JsonObject;
  expect(whole).toEqual(stream(given).events.at(-1)?.['response']);
  expect(made.kept).toEqual([whole]);
});

test('thinking as a summary, and sealed', () => {
  const { events, types } = stream([{ type: 'thinking-delta', text: 'Hm.' }, end()], {
    reasoning: { asSummary: true, isSealed: true },
  });
  expect(types.slice(2, -1)).toEqual([
    'output_item.added',
    'reasoning_summary_part.added',
    'reasoning_summary_text.delta',
    'reasoning_summary_text.done',
    'reasoning_summary_part.done',
    'output_item.done',
  ]);
  expect(events[4]).toMatchObject({ summary_index: 0, delta: 'Hm.' });
  expect(events.at(-2)?.['item']).toMatchObject({
    summary: [{ type: 'summary_text', text: 'Hm.' }],
    content: [],
    encrypted_content: expect.stringMatching(/^waggle\./),
  });
});

test('calls of tools as their client knows them', () => {
  const tools = new Map<string, OwnTool>([
    ['patch', { kind: 'custom', name: 'patch' }],
    ['mcp__read', { kind: 'function', name: 'read', namespace: 'mcp' }],
  ]);
  const { types, events } = stream([call('patch', '{"input":"x"}'), call('mcp__read', '{}'), end()], { tools });
  expect(types.slice(2, 6)).toEqual([
    'output_item.added',
    'custom_tool_call_input.delta',
    'custom_tool_call_input.done',
    'output_item.done',
  ]);
  const items = events.filter(({ type }) => type === 'response.output_item.done').map(({ item }) => item);
  expect(items).toMatchObject([
    { type: 'custom_tool_call', id: 'ctc_k0', call_id: 'call_1', name: 'patch', input: 'x' },
    { type: 'function_call', namespace: 'mcp', name: 'read', arguments: '{}' },
  ]);
});

describe('an answer that was cut', () => {
  test.each<[FinishReason, string]>([
    ['length', 'max_output_tokens'],
    ['content-filter', 'content_filter'],
  ])('%s is incomplete', (reason, words) => {
    const { events } = stream([{ type: 'text-delta', text: 'Ok' }, end(reason)]);
    expect(events.at(-2)).toMatchObject({ type: 'response.output_item.done', item: { status: 'incomplete' } });
    expect(events.at(-1)).toMatchObject({
      type: 'response.incomplete',
      response: { status: 'incomplete', completed_at: null, incomplete_details: { reason: words } },
    });
  });

  test('by a failure keeps what was said', () => {
    const made = encoder();
    const said = made.encode([{ type: 'text-delta', text: 'Ok' }]);
    const events = toEvents(Buffer.concat([said, made.encodeFailure(new ClusterError('engine-failed', 'cut'))]));
    expect(events.at(-1)).toMatchObject({
      type: 'response.failed',
      response: {
        status: 'failed',
        error: { code: 'server_error', message: 'cut' },
        output: [{ type: 'message', status: 'incomplete', content: [{ text: 'Ok' }] }],
      },
    });
    expect(made.kept).toHaveLength(1);
  });

  test.each([
    ['rate-limited', 'rate_limit_exceeded'],
    ['bad-request', 'invalid_prompt'],
    ['context-length-exceeded', 'invalid_prompt'],
    ['internal', 'server_error'],
  ] as const)('by %s is called %s', (code, expected) => {
    const events = toEvents(encoder().encodeFailure(new ClusterError(code, 'why')));
    expect(events.at(-1)).toMatchObject({ response: { error: { code: expected } } });
  });
});

test('a call without arguments has an empty object', () => {
  expect(stream([call('w', ' '), end('tool-calls')]).events.at(-2)).toMatchObject({ item: { arguments: '{}' } });
});

test('log probabilities go with the text', () => {
  const logprobs = [{ token: 'Ok', logprob: -0.5, bytes: [79, 107], topLogprobs: [] }];
  const written = [{ token: 'Ok', logprob: -0.5, bytes: [79, 107], top_logprobs: [] }];
  const { events } = stream([{ type: 'text-delta', text: 'Ok', logprobs }, end()]);
  expect(events[4]).toMatchObject({ type: 'response.output_text.delta', logprobs: written });
  expect(events.at(-2)).toMatchObject({ item: { content: [{ logprobs: written }] } });
});
