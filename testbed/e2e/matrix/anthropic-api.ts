import { type JsonObject, toArray, toNumber, toObject, toText } from '@waggle/shared/dialects/json/json-value.ts';
import type { ClientApi, MatrixAnswer, MatrixAsk, MatrixCall } from './client-api.ts';

const reasons: Readonly<Record<string, MatrixAnswer['reason']>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  tool_use: 'tools',
};

export const anthropicApi: ClientApi = {
  path: '/v1/messages',
  lacks: ['logprobs'],
  hasStopTexts: true,
  tellsCalls: true,
  spokenMark: 'content_block_delta',
  toBody: (ask) => ({
    model: ask.model,
    stream: ask.stream ?? false,
    max_tokens: ask.maxTokens ?? 4_000,
    messages: [{ role: 'user', content: toContent(ask) }, ...(ask.called === undefined ? [] : toCalled(ask.called))],
    ...(ask.stop === undefined ? {} : { stop_sequences: [ask.stop] }),
    ...(ask.tool === undefined ? {} : { tools: [{ name: ask.tool.name, input_schema: ask.tool.parameters }] }),
    ...(ask.isToolForced === true ? { tool_choice: { type: 'any' } } : {}),
    ...(ask.think === undefined
      ? {}
      : { thinking: ask.think ? { type: 'enabled', budget_tokens: 1_024 } : { type: 'disabled' } }),
    ...(ask.schema === undefined ? {} : { output_config: { format: { type: 'json_schema', schema: ask.schema } } }),
  }),
  read(parts, stream) {
    const message = stream ? joinEvents(parts) : (parts[0] ?? {});
    const blocks = (toArray(message['content']) ?? []) as JsonObject[];
    const usage = toObject(message['usage']) ?? {};
    const cached = toNumber(usage['cache_read_input_tokens']) ?? 0;
    const input = toNumber(usage['input_tokens']);
    return {
      text: blocks.map(({ text }) => toText(text) ?? '').join(''),
      thinking: blocks.map(({ thinking }) => toText(thinking) ?? '').join(''),
      calls: blocks.filter(({ type }) => type === 'tool_use').map(toCall),
      reason: reasons[toText(message['stop_reason']) ?? ''],
      promptTokens: input === undefined ? undefined : input + cached,
      completionTokens: toNumber(usage['output_tokens']),
      logprobs: [],
    };
  },
  errorOf(part) {
    return part['type'] === 'error' ? toText(toObject(part['error'])?.['message']) : undefined;
  },
};

function toContent({ prompt, image }: MatrixAsk): unknown {
  if (image === undefined) return prompt;
  return [
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data: image } },
    { type: 'text', text: prompt },
  ];
}

function toCalled({ call, result }: NonNullable<MatrixAsk['called']>): readonly JsonObject[] {
  const { id, name, arguments: input } = call;
  return [
    { role: 'assistant', content: [{ type: 'tool_use', id, name, input }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: result }] },
  ];
}

function toCall({ id, name, input }: JsonObject): MatrixCall {
  return { id: toText(id) ?? '', name: toText(name) ?? '', arguments: input };
}

/** The message that the events of a stream tell of. */
function joinEvents(events: readonly JsonObject[]): JsonObject {
  const blocks: Record<string, unknown>[] = [];
  const inputs: string[] = [];
  let usage: JsonObject = {};
  let reason: unknown;
  for (const event of events) {
    const index = toNumber(event['index']) ?? 0;
    const delta = toObject(event['delta']) ?? {};
    if (event['type'] === 'message_start') usage = toObject(toObject(event['message'])?.['usage']) ?? {};
    if (event['type'] === 'content_block_start') blocks[index] = { ...toObject(event['content_block']) };
    if (event['type'] === 'content_block_delta') {
      const block = blocks[index] ?? {};
      for (const key of ['text', 'thinking'])
        if (typeof delta[key] === 'string') block[key] = `${toText(block[key]) ?? ''}${delta[key]}`;
      inputs[index] = (inputs[index] ?? '') + (toText(delta['partial_json']) ?? '');
    }
    if (event['type'] === 'message_delta') {
      reason = delta['stop_reason'];
      usage = { ...usage, ...toObject(event['usage']) };
    }
  }
  for (const [index, block] of blocks.entries())
    if (block['type'] === 'tool_use') block['input'] = JSON.parse(inputs[index] ?? '{}');
  const isEnded = events.at(-1)?.['type'] === 'message_stop';
  return { content: blocks, stop_reason: isEnded ? reason : undefined, usage };
}
