import type { TokenLogprob } from '../../chat/chat-event.ts';
import { isFilled, isObject, toArray, toNumber, toText } from '../json/json-value.ts';

/** Token log probabilities in the form both families have: `{token, logprob, bytes, top_logprobs}`. */
export function readLogprobs(value: unknown): readonly TokenLogprob[] | undefined {
  const list = toArray(value);
  if (list === undefined || list.length === 0) return undefined;
  return list.filter(isObject).map((item) => {
    const top = toArray(item['top_logprobs']);
    return {
      ...readToken(item),
      ...(top === undefined ? {} : { topLogprobs: top.filter(isObject).map(readToken) }),
    };
  });
}

function readToken(item: Readonly<Record<string, unknown>>): Omit<TokenLogprob, 'topLogprobs'> {
  const bytes = toArray(item['bytes']);
  return {
    token: toText(item['token']) ?? '',
    logprob: toNumber(item['logprob']) ?? 0,
    ...(bytes === undefined ? {} : { bytes: bytes.filter((byte) => typeof byte === 'number') }),
  };
}

/** The same, written back. OpenAI's schema wants `bytes` and `top_logprobs` always; Ollama leaves them out where it has none. */
export function writeLogprobs(logprobs: readonly TokenLogprob[], family: 'ollama' | 'openai'): unknown[] {
  return logprobs.map((item) => {
    const isTopSaid = item.topLogprobs !== undefined && (family === 'openai' || item.topLogprobs.length > 0);
    const top = isTopSaid ? item.topLogprobs?.map((token) => writeToken(token, family)) : undefined;
    const needsTop = top !== undefined || family === 'openai';
    return { ...writeToken(item, family), ...(needsTop ? { top_logprobs: top ?? [] } : {}) };
  });
}

function writeToken(token: TokenLogprob, family: 'ollama' | 'openai'): Record<string, unknown> {
  const { bytes } = token;
  const isSaid = bytes !== undefined && (family === 'openai' || bytes.length > 0);
  return {
    token: token.token,
    logprob: token.logprob,
    ...(isSaid ? { bytes } : family === 'openai' ? { bytes: null } : {}),
  };
}

/** The older form of OpenAI's completions: parallel lists of tokens, log probabilities and alternatives. */
export function readListedLogprobs(value: unknown): readonly TokenLogprob[] | undefined {
  if (!isObject(value)) return undefined;
  const tokens = toArray(value['tokens']);
  if (tokens === undefined) return undefined;
  const logprobs = toArray(value['token_logprobs']) ?? [];
  const tops = toArray(value['top_logprobs']) ?? [];
  return tokens.map((token, index) => {
    const top = tops[index];
    const logprob = toNumber(logprobs[index]) ?? 0;
    const text = toText(token) ?? '';
    if (!isObject(top)) return { token: text, logprob };
    const topLogprobs = Object.entries(top).map(([name, chance]) => ({ token: name, logprob: toNumber(chance) ?? 0 }));
    return { token: text, logprob, topLogprobs };
  });
}

/** Written in that older form; `offset` is the place of the first token in the whole text. */
export function writeListedLogprobs(logprobs: readonly TokenLogprob[], offset: number): Record<string, unknown> {
  let place = offset;
  const offsets: number[] = [];
  for (const { token } of logprobs) {
    offsets.push(place);
    place += token.length;
  }
  const tops = logprobs.map(({ topLogprobs }) =>
    topLogprobs === undefined
      ? null
      : Object.fromEntries(
          topLogprobs.filter(({ token }) => isFilled(token)).map(({ token, logprob }) => [token, logprob]),
        ),
  );
  return {
    text_offset: offsets,
    token_logprobs: logprobs.map(({ logprob }) => logprob),
    tokens: logprobs.map(({ token }) => token),
    top_logprobs: tops.every((top) => top === null) ? null : tops,
  };
}
