import { type JsonObject, toArray, toNumber, toObject, toText } from '@waggle/shared/dialects/json/json-value.ts';
import type { ClientApi, MatrixAnswer, MatrixAsk, MatrixCall } from './client-api.ts';

const chat: ClientApi = {
  path: '/api/chat',
  lacks: ['forced tool'],
  hasStopTexts: true,
  tellsCalls: false,
  spokenMark: '"content":"',
  toBody: (ask) => ({
    ...toCommon(ask),
    messages: [
      { role: 'user', content: ask.prompt, ...(ask.image === undefined ? {} : { images: [ask.image] }) },
      ...(ask.called === undefined ? [] : toCalled(ask.called)),
    ],
    ...(ask.tool === undefined ? {} : { tools: [{ type: 'function', function: ask.tool }] }),
  }),
  read: (parts) =>
    toAnswer(parts, (part) => {
      const message = toObject(part['message']) ?? {};
      return { text: toText(message['content']), thinking: message['thinking'], calls: message['tool_calls'] };
    }),
  errorOf,
};

const generate: ClientApi = {
  path: '/api/generate',
  lacks: ['tools', 'forced tool'],
  hasStopTexts: true,
  tellsCalls: false,
  spokenMark: '"response":"',
  toBody: (ask) => ({
    ...toCommon(ask),
    prompt: ask.prompt,
    ...(ask.image === undefined ? {} : { images: [ask.image] }),
  }),
  read: (parts) =>
    toAnswer(parts, (part) => ({ text: toText(part['response']), thinking: part['thinking'], calls: undefined })),
  errorOf,
};

export const ollamaApis: readonly ClientApi[] = [chat, generate];

function toCommon(ask: MatrixAsk): JsonObject {
  const { model, stream = false, maxTokens, stop, think, schema, logprobs } = ask;
  return {
    model,
    stream,
    options: {
      ...(maxTokens === undefined ? {} : { num_predict: maxTokens }),
      ...(stop === undefined ? {} : { stop: [stop] }),
    },
    ...(think === undefined ? {} : { think }),
    ...(schema === undefined ? {} : { format: schema }),
    ...(logprobs === true ? { logprobs, top_logprobs: 2 } : {}),
  };
}

function toCalled({ call, result }: NonNullable<MatrixAsk['called']>): readonly JsonObject[] {
  const { name, arguments: given } = call;
  return [
    { role: 'assistant', content: '', tool_calls: [{ function: { name, arguments: given } }] },
    { role: 'tool', tool_name: name, content: result },
  ];
}

interface Said {
  readonly text: string | undefined;
  readonly thinking: unknown;
  readonly calls: unknown;
}

function toAnswer(parts: readonly JsonObject[], read: (part: JsonObject) => Said): MatrixAnswer {
  const said = parts.map(read);
  const last = parts.at(-1) ?? {};
  const calls = said.flatMap((one) => toArray(one.calls) ?? []).map(toCall);
  const reason = last['done'] === true ? last['done_reason'] : undefined;
  return {
    text: said.map(({ text }) => text ?? '').join(''),
    thinking: said.map(({ thinking }) => toText(thinking) ?? '').join(''),
    calls,
    reason: reason === 'stop' || reason === 'length' ? reason : undefined,
    promptTokens: toNumber(last['prompt_eval_count']),
    completionTokens: toNumber(last['eval_count']),
    logprobs: parts.flatMap((part) => toArray(part['logprobs']) ?? []) as MatrixAnswer['logprobs'],
  };
}

function toCall(call: unknown): MatrixCall {
  const named = toObject(toObject(call)?.['function']) ?? {};
  return { id: '', name: toText(named['name']) ?? '', arguments: named['arguments'] };
}

function errorOf(part: JsonObject): string | undefined {
  return toText(part['error']);
}
