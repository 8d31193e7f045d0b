import type { ChatMessage } from '@waggle/shared/chat/generation-request.ts';

/**
 * The newest part of a conversation whose prompt has room, as Ollama shortens one: system messages stay, the oldest others go; the last
 * message always stays. `measure` gives the tokens of a prompt.
 */
export function fitMessages(
  messages: readonly ChatMessage[],
  limit: number,
  measure: (messages: readonly ChatMessage[]) => number,
): readonly ChatMessage[] {
  if (measure(messages) <= limit) return messages;
  const others = messages.flatMap(({ role }, index) => (isSystem(role) ? [] : [index]));
  const from = (first: number) => {
    const kept = new Set(others.slice(first));
    return messages.filter(({ role }, index) => isSystem(role) || kept.has(index));
  };
  // Fewer messages are fewer tokens: the first place that fits is found by halving.
  let [low, high] = [1, Math.max(0, others.length - 1)];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (measure(from(middle)) <= limit) high = middle;
    else low = middle + 1;
  }
  return from(high);
}

/**
 * What Ollama leaves of tokens for which a context has no room: the first `keep`, and the last ones up to half of what is left beside those. An
 * answer has room then.
 */
export function cutTokens<Token>(tokens: readonly Token[], numCtx: number, keep: number): readonly Token[] {
  const last = halfBeside(numCtx, keep);
  return [...tokens.slice(0, keep), ...tokens.slice(tokens.length - last)];
}

/** Half of what a context has room for beside the tokens that are kept: so much of it goes, or stays, when it is full. */
export function halfBeside(numCtx: number, keep: number): number {
  return Math.max(1, Math.floor((numCtx - keep) / 2));
}

function isSystem(role: string): boolean {
  return role === 'system' || role === 'developer';
}
