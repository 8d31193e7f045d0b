import type { ChatEvent, Timings, Usage } from '@waggle/shared/chat/chat-event.ts';
import type { GenerationRequest } from '@waggle/shared/chat/generation-request.ts';
import type { ErrorCode } from '@waggle/shared/errors/error-codes.ts';
import type { ModelFacts } from './model-facts.ts';

/** What the agent tells a child. Every child is asked to load one model, or to read files, never both. */
export type ToChild =
  | { readonly type: 'inspect'; readonly path: string }
  | { readonly type: 'describe'; readonly path: string }
  | ({ readonly type: 'load' } & LoadOrder)
  | { readonly type: 'run'; readonly run: number; readonly work: ModelWork }
  | { readonly type: 'cancel' | 'pause' | 'resume'; readonly run: number };

/** What a child answers. A run that was begun ends with exactly one `ended`, when its computation has stopped. */
export type FromChild =
  | { readonly type: 'inspected'; readonly path: string; readonly facts: ModelFacts; readonly library: string }
  | { readonly type: 'described'; readonly path: string; readonly description: ModelDescription }
  | { readonly type: 'unreadable'; readonly path: string; readonly message: string }
  /** The library is not there or does not run on this machine: nothing that is asked will ever be answered. */
  | { readonly type: 'unfit'; readonly message: string }
  | { readonly type: 'loaded'; readonly loaded: LoadedModel }
  | { readonly type: 'load-failed'; readonly message: string }
  | { readonly type: 'events'; readonly run: number; readonly events: readonly ChatEvent[] }
  | { readonly type: 'ended'; readonly run: number; readonly end: RunEnd };

export interface LoadOrder {
  readonly path: string;
  /** Tokens of one sequence. */
  readonly numCtx: number;
  /** Sequences that are computed at once. */
  readonly slots: number;
  readonly threads: number;
  /** For vectors instead of text. */
  readonly embeds: boolean;
}

export interface LoadedModel {
  /** As the library made it: at least what was ordered, or what the model was trained for. */
  readonly numCtx: number;
  readonly ramBytes: number;
  readonly vramBytes: number;
}

export interface RunEnd {
  readonly outcome: 'done' | 'cancelled' | 'failed';
  /** It failed because its process ended, which may have been another run's doing. */
  readonly hasDied?: true;
  readonly failure?: { readonly code: ErrorCode; readonly message: string; readonly param?: string };
  readonly usage?: Usage;
  readonly timings?: Timings;
}

/** A request in no dialect, with what its dialect leaves to the engine. */
export interface ModelWork {
  readonly request: GenerationRequest;
  /** False: the answer is wanted whole, in one message. */
  readonly stream: boolean;
  /** A prompt that is too long is shortened instead of refused. */
  readonly truncates: boolean;
  /** An answer that fills the context goes on, and forgets the oldest tokens. */
  readonly shifts: boolean;
  /** Vectors of length 1. */
  readonly normalises: boolean;
  /** Where the request says nothing. */
  readonly defaults: { readonly temperature: number; readonly topP: number };
}

/** What only `show` wants to know of a file; large, so it is read anew each time. */
export interface ModelDescription {
  readonly template: string;
  readonly license: string;
  /** Metadata of the file by its full keys; long lists are null. */
  readonly info: Readonly<Record<string, unknown>>;
  /** The same with every list. */
  readonly verboseInfo: Readonly<Record<string, unknown>>;
  readonly tensors: readonly { readonly name: string; readonly type: string; readonly shape: readonly number[] }[];
}
