/** Tokens an image is counted as; what Ollama itself reckons with. */
export const imageTokens = 768;

const charactersPerToken = 4;

export function toTokens(characters: number): number {
  return Math.ceil(characters / charactersPerToken);
}

/** Characters that a JSON value brings into a prompt, roughly: its keys and texts (tool definitions, tool calls). */
export function countCharacters(value: unknown): number {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) return 4;
  let count = 2;
  if (Array.isArray(value)) {
    for (const item of value) count += countCharacters(item) + 1;
    return count;
  }
  for (const [key, item] of Object.entries(value)) count += key.length + 4 + countCharacters(item);
  return count;
}
