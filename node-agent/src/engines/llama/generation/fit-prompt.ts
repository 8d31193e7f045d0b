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

/** The first `keep` tokens and the last ones that have room beside them. */
export function cutTokens<Token>(tokens: readonly Token[], limit: number, keep: number): readonly Token[] {
  if (tokens.length <= limit) return tokens;
  const kept = Math.max(0, Math.min(keep, limit - 1));
  return [...tokens.slice(0, kept), ...tokens.slice(tokens.length - (limit - kept))];
}

function isSystem(role: string): boolean {
  return role === 'system' || role === 'developer';
}
