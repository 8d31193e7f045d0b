import type { IncomingHttpHeaders } from 'node:http';

/** One request to an engine as its observer sees it. Times in milliseconds since 1970. */
export interface RequestRecord {
  readonly id: number;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly startedAt: number;
  /** As it came. */
  bodyText: string;
  /** Parsed; undefined if it is no JSON. */
  body: unknown;
  /** As the client wrote it; empty if the request names none. */
  model: string;
  /** HTTP status of the answer, once it has begun. */
  status?: number;
  firstByteAt?: number;
  /** When the client's connection closed before its answer was complete. */
  clientGoneAt?: number;
  /** When the engine stopped working on it. */
  endedAt?: number;
  outcome?: 'done' | 'client-gone' | 'fault';
  /** Deltas, or tokens of a whole answer, that were written. */
  tokensSent: number;
}
