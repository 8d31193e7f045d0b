export type OpenAiFlavour = 'vllm' | 'llama-server' | 'lm-studio';

/** What differs from one OpenAI-compatible server to another. */
export interface OpenAiTraits {
  readonly flavour: OpenAiFlavour;
  readonly version: string;
  readonly reasoningField: 'reasoning' | 'reasoning_content';
  /** A stream's headers are sent when it is queued, not with its first token. */
  readonly earlyHeaders: boolean;
  /** Tool arguments are streamed in pieces of so many characters. */
  readonly argumentPiece: number;
}
