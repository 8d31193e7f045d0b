import type { Capability } from '@waggle/shared/cluster/model.ts';

/** What the engine must know of a GGUF file before it loads it. Sizes in bytes, lengths in tokens. */
export interface ModelFacts {
  readonly architecture: string;
  readonly capabilities: readonly Capability[];
  /** Longest context it was trained for; 0: the file does not say. */
  readonly contextLength: number;
  readonly embeddingLength: number;
  readonly parameters: number;
  readonly quantization: string;
  readonly weightsBytes: number;
  /** Memory of a context: so much, and so much more per token of each sequence. */
  readonly contextBytes: number;
  readonly contextBytesPerToken: number;
}

/** `596M`, `7.6B`, as Ollama writes it. */
export function toParameterSize(parameters: number): string {
  if (parameters >= 1e9) return `${(parameters / 1e9).toFixed(1)}B`;
  if (parameters >= 1e6) return `${(parameters / 1e6).toFixed(2)}M`;
  return parameters >= 1e3 ? `${Math.round(parameters / 1e3)}K` : String(parameters);
}
