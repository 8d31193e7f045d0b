import { type JsonObject, toArray, toNumber, toObject, toText } from '@waggle/shared/dialects/json/json-value.ts';
import type { ClientApi, MatrixAnswer, MatrixAsk, MatrixCall } from './client-api.ts';

const chat: ClientApi = {
  path: '/v1/chat/completions',
  lacks: [],
  hasStopTexts: true,
  tellsCalls: true,
  spokenMark: '"delta":',
  toBody: (ask) => ({
    ...toCommon(ask),
    messages: [{ role: 'user', content: toContent(ask) }, ...(ask.called === undefined ? [] : toCalled(ask.called))],
    ...(ask.tool === undefined ? {} : { tools: [{ type: 'function', function: ask.tool }] }),
    ...(ask.isToolForced === true ? { tool_choice: 'required' } : {}),
    ...(ask.think === undefined ? {} : { reasoning_effort: ask.think ? 'high' : 'none' }),
    ...(ask.logprobs === true ? { logprobs: true, top_logprobs: 2 } : {}),
  }),
  read: (parts) => {
    const choices = parts.flatMap(choicesOf);
    const said = choices.map((choice) => toObject(choice['delta'] ?? choice['message']) ?? {});
    return {
      ...toTotals(parts, choices),
      text: said.map(({ content }) => toText(content) ?? '').join(''),
      thinking: said
        .map(({ reasoning, reasoning_content }) => toText(reasoning) ?? toText(reasoning_content) ?? '')
        .join(''),
      calls: joinCalls(said.flatMap(({ tool_calls }) => toArray(tool_calls) ?? [])),
    };
  },
  errorOf,
};

const completions: ClientApi = {
  path: '/v1/completions',
  lacks: ['tools', 'forced tool', 'images', 'thinking', 'JSON schema'],
  hasStopTexts: true,
  tellsCalls: true,
  spokenMark: '"text":',
  toBody: (ask) => ({ ...toCommon(ask), prompt: ask.prompt, ...(ask.logprobs === true ? { logprobs: 2 } : {}) }),
  read: (parts) => {
    const choices = parts.flatMap(choicesOf);
    const text = choices.map((choice) => toText(choice['text']) ?? '').join('');
    return { ...toTotals(parts, choices), text, thinking: '', calls: [] };
  },
  errorOf,
};

export const openaiApis: readonly ClientApi[] = [chat, completions];

function toCommon(ask: MatrixAsk): JsonObject {
  const { model, stream = false, maxTokens, stop, schema } = ask;
  return {
    model,
    stream,
    ...(stream ? { stream_options: { include_usage: true } } : {}),
    ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    ...(stop === undefined ? {} : { stop }),
    ...(schema === undefined
      ? {}
      : { response_format: { type: 'json_schema', json_schema: { name: 'reply', schema, strict: true } } }),
  };
}

function toContent({ prompt, image }: MatrixAsk): unknown {
  if (image === undefined) return prompt;
  return [
    { type: 'text', text: prompt },
    { type: 'image_url', image_url: { url: `data:image/png;base64,${image}` } },
  ];
}

function toCalled({ call, result }: NonNullable<MatrixAsk['called']>): readonly JsonObject[] {
  const written = { name: call.name, arguments: JSON.stringify(call.arguments) };
  return [
    { role: 'assistant', content: null, tool_calls: [{ id: call.id, type: 'function', function: written }] },
    { role: 'tool', tool_call_id: call.id, content: result },
  ];
}

function choicesOf(part: JsonObject): readonly JsonObject[] {
  return (toArray(part['choices']) ?? []) as JsonObject[];
}

function toTotals(
  parts: readonly JsonObject[],
  choices: readonly JsonObject[],
): Pick<MatrixAnswer, 'reason' | 'promptTokens' | 'completionTokens' | 'logprobs'> {
  const usage = parts.map((part) => toObject(part['usage'])).findLast((told) => told !== undefined);
  const reason = choices.map((choice) => choice['finish_reason']).findLast((told) => typeof told === 'string');
  return {
    reason: reason === 'tool_calls' ? 'tools' : reason === 'stop' || reason === 'length' ? reason : undefined,
    promptTokens: toNumber(usage?.['prompt_tokens']),
    completionTokens: toNumber(usage?.['completion_tokens']),
    logprobs: choices.flatMap((choice) => readLogprobs(toObject(choice['logprobs']) ?? {})),
  };
}

/** Chat's form, or the older one of completions. */
function readLogprobs({ content, tokens, token_logprobs: chances }: JsonObject): MatrixAnswer['logprobs'] {
  if (Array.isArray(content)) return content as MatrixAnswer['logprobs'];
  const logprobs = toArray(chances) ?? [];
  return (toArray(tokens) ?? []).map((token, index) => ({
    token: toText(token) ?? '',
    logprob: toNumber(logprobs[index]) ?? Number.NaN,
  }));
}

function joinCalls(fragments: readonly unknown[]): readonly MatrixCall[] {
  const calls: { id: string; name: string; text: string }[] = [];
  for (const fragment of fragments) {
    const { index, id, function: named } = toObject(fragment) ?? {};
    const place = toNumber(index) ?? calls.length;
    calls[place] ??= { id: '', name: '', text: '' };
    const call = calls[place];
    const { name, arguments: piece } = toObject(named) ?? {};
    call.id ||= toText(id) ?? '';
    call.name ||= toText(name) ?? '';
    call.text += toText(piece) ?? '';
  }
  return calls.map(({ id, name, text }) => ({ id, name, arguments: JSON.parse(text) as unknown }));
}

function errorOf(part: JsonObject): string | undefined {
  const { message, type, param, code } = toObject(part['error']) ?? {};
  const isWhole = typeof type === 'string' && param !== undefined && code !== undefined;
  return isWhole ? toText(message) : undefined;
}
