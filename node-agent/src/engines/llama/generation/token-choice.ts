import type { TokenLogprob } from '@waggle/shared/chat/chat-event.ts';
import type { LlamaModel, Token } from 'node-llama-cpp';

/** What JSON has no number for. */
const leastLogprob = -9_999;

export interface LogprobOptions {
  readonly model: LlamaModel;
  /** Alternatives to tell. */
  readonly top: number;
}

/** The chosen token with its log probability and the most likely ones; `probabilities` are in falling order. */
export function toLogprob(
  token: Token,
  probabilities: ReadonlyMap<Token, number>,
  { model, top }: LogprobOptions,
): TokenLogprob {
  const chosen = describe(token, probabilities.get(token) ?? 0, model);
  if (top === 0) return chosen;
  const alternatives: TokenLogprob[] = [];
  for (const [other, probability] of probabilities) {
    if (alternatives.length >= top) break;
    alternatives.push(describe(other, probability, model));
  }
  return { ...chosen, topLogprobs: alternatives };
}

function describe(token: Token, probability: number, model: LlamaModel): TokenLogprob {
  const text = model.detokenize([token], true);
  const logprob = probability > 0 ? Math.log(probability) : leastLogprob;
  // A part of a character has no text of its own, and the library does not tell its bytes.
  return text.includes('\ufffd') ? { token: text, logprob } : { token: text, logprob, bytes: [...Buffer.from(text)] };
}
