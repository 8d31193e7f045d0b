/** Every token is certain; its rivals are made up. */
export function chatLogprobsJson(pieces: readonly string[], top: number): string {
  const content = pieces.map((token) => ({ ...toLogprob(token, 0), top_logprobs: rivals(token, top) }));
  return JSON.stringify({ content });
}

export function textLogprobsJson(pieces: readonly string[], top: number): string {
  let offset = 0;
  const offsets = pieces.map((token) => {
    const at = offset;
    offset += token.length;
    return at;
  });
  return JSON.stringify({
    text_offset: offsets,
    token_logprobs: pieces.map(() => 0),
    tokens: pieces,
    top_logprobs: pieces.map((token) =>
      Object.fromEntries(rivals(token, top).map((rival) => [rival.token, rival.logprob])),
    ),
  });
}

function rivals(token: string, top: number) {
  return Array.from({ length: top }, (_, rank) => toLogprob(rank === 0 ? token : `${token}${rank}`, -rank));
}

function toLogprob(token: string, logprob: number) {
  return { token, logprob, bytes: [...Buffer.from(token)] };
}
