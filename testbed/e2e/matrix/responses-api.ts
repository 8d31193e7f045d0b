import { type JsonObject, toArray, toNumber, toObject, toText } from '@waggle/shared/dialects/json/json-value.ts';
import type { ClientApi, MatrixAnswer, MatrixAsk, MatrixCall } from './client-api.ts';

export const responsesApi: ClientApi = {
  path: '/v1/responses',
  lacks: [],
  hasStopTexts: false,
  tellsCalls: true,
  spokenMark: 'output_text.delta',
  toBody: (ask) => ({
    model: ask.model,
    stream: ask.stream ?? false,
    store: false,
    input: [{ role: 'user', content: toContent(ask) }, ...(ask.called === undefined ? [] : toCalled(ask.called))],
    ...(ask.maxTokens === undefined ? {} : { max_output_tokens: ask.maxTokens }),
    ...(ask.tool === undefined ? {} : { tools: [{ type: 'function', ...ask.tool }] }),
    ...(ask.isToolForced === true ? { tool_choice: 'required' } : {}),
    ...(ask.think === undefined ? {} : { reasoning: { effort: ask.think ? 'high' : 'none' } }),
    ...(ask.schema === undefined
      ? {}
      : { text: { format: { type: 'json_schema', name: 'reply', schema: ask.schema, strict: true } } }),
    ...(ask.logprobs === true ? { include: ['message.output_text.logprobs'], top_logprobs: 2 } : {}),
  }),
  read(parts, stream) {
    const response = (stream ? toObject(parts.at(-1)?.['response']) : parts[0]) ?? {};
    const output = (toArray(response['output']) ?? []) as JsonObject[];
    const contents = (type: string) =>
      output
        .flatMap((item) => (toArray(item['content']) ?? []) as JsonObject[])
        .filter((content) => content['type'] === type);
    const deltas = parts.filter(({ type }) => type === 'response.output_text.delta').map(({ delta }) => delta);
    const text = contents('output_text')
      .map((content) => toText(content['text']) ?? '')
      .join('');
    if (stream && deltas.join('') !== text) throw new Error('the deltas say something else than the response');
    const calls = output.filter(({ type }) => type === 'function_call').map(toCall);
    const usage = toObject(response['usage']) ?? {};
    return {
      text,
      thinking: contents('reasoning_text')
        .map((content) => toText(content['text']) ?? '')
        .join(''),
      calls,
      reason: reasonOf(response, calls.length > 0),
      promptTokens: toNumber(usage['input_tokens']),
      completionTokens: toNumber(usage['output_tokens']),
      logprobs: contents('output_text').flatMap(
        (content) => (toArray(content['logprobs']) ?? []) as MatrixAnswer['logprobs'],
      ),
    };
  },
  errorOf(part) {
    const failed = part['type'] === 'response.failed' ? toObject(part['response']) : part;
    return toText(toObject(failed?.['error'])?.['message']);
  },
};

function toContent({ prompt, image }: MatrixAsk): unknown {
  if (image === undefined) return prompt;
  return [
    { type: 'input_text', text: prompt },
    { type: 'input_image', detail: 'auto', image_url: `data:image/png;base64,${image}` },
  ];
}

function toCalled({ call, result }: NonNullable<MatrixAsk['called']>): readonly JsonObject[] {
  const { id, name, arguments: given } = call;
  return [
    { type: 'function_call', call_id: id, name, arguments: JSON.stringify(given) },
    { type: 'function_call_output', call_id: id, output: result },
  ];
}

function toCall({ call_id: id, name, arguments: text }: JsonObject): MatrixCall {
  return { id: toText(id) ?? '', name: toText(name) ?? '', arguments: JSON.parse(toText(text) ?? '') as unknown };
}

function reasonOf({ status, incomplete_details: details }: JsonObject, hasCalls: boolean): MatrixAnswer['reason'] {
  if (status === 'completed') return hasCalls ? 'tools' : 'stop';
  return toObject(details)?.['reason'] === 'max_output_tokens' ? 'length' : undefined;
}
