import { escapeGoHtml } from './go-html.ts';

interface Logprob {
  readonly token: string;
  readonly logprob: number;
  readonly bytes: readonly number[];
}

/** Every token is certain; its rivals are made up. */
export function logprobsJson(pieces: readonly string[], top: number): string {
  const entries = pieces.map((token) => {
    const own = toLogprob(token, 0);
    if (top === 0) return own;
    const rivals = Array.from({ length: top }, (_, rank) => (rank === 0 ? own : toLogprob(`${token}${rank}`, -rank)));
    return { ...own, top_logprobs: rivals };
  });
  return escapeGoHtml(JSON.stringify(entries));
}

function toLogprob(token: string, logprob: number): Logprob {
  return { token, logprob, bytes: [...Buffer.from(token)] };
}
