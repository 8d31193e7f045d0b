import type { EngineHeaders } from '@waggle/shared/dialects/dialect.ts';

/** Parts that follow one another and are all there, or a stream. */
export type RequestBody = readonly Uint8Array[] | AsyncIterable<Uint8Array>;

export function isStream(body: RequestBody): body is AsyncIterable<Uint8Array> {
  return Symbol.asyncIterator in body;
}

/** One request to an engine. */
export interface EngineRequest {
  readonly method: 'GET' | 'POST' | 'HEAD' | 'DELETE';
  /** Path and query on the engine's origin. */
  readonly path: string;
  readonly body?: RequestBody;
  /** Clusters it went through before the one the engine belongs to. */
  readonly hops?: string | undefined;
  /** Length of a body that is a stream; absent where nobody knows it. */
  readonly contentLength?: number;
}

/** Follows one call. Exactly one of `ended` and `failed` comes, last; none of them after `abort`. */
export interface CallObserver {
  head(status: number, headers: EngineHeaders): void;
  /** Everything that arrived together. False: nothing more until `resume`. */
  data(bytes: Uint8Array): boolean;
  ended(): void;
  failed(failure: CallFailure): void;
}

export interface RunningCall {
  /** Destroys the connection; `closed` is called once it is gone, and the observer hears nothing more. */
  abort(closed?: () => void): void;
  resume(): void;
}

/**
 * `unreachable`: the request was certainly not begun (no connection came about). `broken`: the connection was lost, or what
 * came over it was no HTTP.
 */
export interface CallFailure {
  readonly kind: 'unreachable' | 'broken';
  readonly message: string;
  /** Nobody listens at that address. */
  readonly refused: boolean;
  readonly cause: unknown;
}
