/** What differs from one Ollama to another. */
export interface OllamaTraits {
  readonly version: string;
  /** 0.30 and later: cached counts, capabilities in the list, images refused by models that cannot see. */
  readonly modern: boolean;
  /** The last thinking delta and the first word share a chunk, as when one token ends the thought. */
  readonly mixedBoundary: boolean;
  /** Where a tool call stands in a stream: in a chunk of its own, or in the `done` chunk. */
  readonly toolCallPlace: 'chunk' | 'done';
}

export function isModern(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 0 || minor >= 30;
}
