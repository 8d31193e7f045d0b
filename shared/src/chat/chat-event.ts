import type { ToolCall } from './generation-request.ts';

/**
 * One step of an answer, in no dialect. A stream of events ends with exactly one `response-end`, or throws;
 * ending without one is an error.
 */
export type ChatEvent = TextDelta | ThinkingDelta | ToolCallEvent | EmbeddingsEvent | ResponseEnd;

export interface TextDelta {
  readonly type: 'text-delta';
  readonly text: string;
  readonly logprobs?: readonly TokenLogprob[];
}

export interface ThinkingDelta {
  readonly type: 'thinking-delta';
  readonly text: string;
}

/** A whole call: fragments are joined before they leave the engine's decoder. */
export interface ToolCallEvent {
  readonly type: 'tool-call';
  readonly call: ToolCall;
}

export interface EmbeddingsEvent {
  readonly type: 'embeddings';
  /** In the order of the request's input. */
  readonly vectors: readonly (readonly number[])[];
}

export interface ResponseEnd {
  readonly type: 'response-end';
  readonly finishReason: FinishReason;
  readonly usage?: Usage;
  readonly timings?: Timings;
  /** Ollama's token context of a generate call. */
  readonly context?: readonly number[];
  /** The client's own text that the answer stopped at, where the engine tells (Ollama does not); it is not part of the answer. */
  readonly stopSequence?: string;
}

export type FinishReason = 'stop' | 'length' | 'tool-calls' | 'content-filter' | 'load' | 'unload';

export interface TokenLogprob {
  readonly token: string;
  readonly logprob: number;
  readonly bytes?: readonly number[];
  readonly topLogprobs?: readonly Omit<TokenLogprob, 'topLogprobs'>[];
}

export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Prompt tokens the engine took from its prefix cache; absent means unknown, not 0. */
  readonly cachedTokens?: number;
}

/** Milliseconds; what an engine does not tell is absent. */
export interface Timings {
  readonly totalMs?: number;
  readonly loadMs?: number;
  readonly prefillMs?: number;
  readonly decodeMs?: number;
}
