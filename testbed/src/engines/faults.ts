import type { RequestRecord } from './request-record.ts';

/** What goes wrong with a request. */
export type Fault = FaultKind & {
  /** Where a stream goes wrong on its way, this is waited for first, with what came before already sent. */
  readonly held?: (bodyText: string) => Promise<void>;
};

/** Deltas are counted from 1: `afterDeltas: 0` is before the first. */
type FaultKind =
  /** An error answer in the engine's own form, unless `body` says otherwise. */
  | { readonly kind: 'status'; readonly status: number; readonly body?: string; readonly retryAfter?: string | number }
  /** No byte is ever answered. */
  | { readonly kind: 'hang' }
  /** The status line comes this many milliseconds late. */
  | { readonly kind: 'slow-headers'; readonly delayMs: number }
  /** The connection breaks; `reset` sends a TCP reset instead of an end. */
  | { readonly kind: 'cut'; readonly afterDeltas: number; readonly reset?: boolean }
  /** The delta of that number is no JSON. */
  | { readonly kind: 'malformed'; readonly atDelta: number }
  /** The answer ends well for HTTP, without its last event. */
  | { readonly kind: 'silent-end'; readonly afterDeltas: number }
  /** Nothing more comes, and the connection stays open. */
  | { readonly kind: 'stall'; readonly afterDeltas: number }
  /** The engine's own error event takes the place of the rest. */
  | { readonly kind: 'error-event'; readonly afterDeltas: number; readonly message?: string };

export interface FaultScope {
  /** Requests for this model only. */
  readonly model?: string;
  /** This path only. */
  readonly path?: string;
  /** Requests whose body has this text only. */
  readonly text?: string;
  /** This many requests, then it is over. */
  readonly times?: number;
}

interface Entry {
  readonly fault: Fault;
  readonly scope: FaultScope;
  left: number;
}

/** The faults that are switched on. They hit generations and embeddings; lists and health go on answering. */
export class FaultBoard {
  readonly #sameModel: (left: string, right: string) => boolean;
  #entries: Entry[] = [];

  constructor(sameModel: (left: string, right: string) => boolean) {
    this.#sameModel = sameModel;
  }

  /** The returned function takes the fault back. */
  add(fault: Fault, scope: FaultScope = {}): () => void {
    const entry: Entry = { fault, scope, left: scope.times ?? Number.POSITIVE_INFINITY };
    this.#entries.push(entry);
    return () => {
      this.#entries = this.#entries.filter((other) => other !== entry);
    };
  }

  clear(): void {
    this.#entries = [];
  }

  /** The fault of this request: the oldest that fits, which it uses up. */
  take({ path, model, bodyText }: Pick<RequestRecord, 'path' | 'model' | 'bodyText'>): Fault | undefined {
    if (this.#entries.length === 0) return undefined;
    const entry = this.#entries.find(
      ({ scope }) =>
        (scope.path === undefined || scope.path === path) &&
        (scope.text === undefined || bodyText.includes(scope.text)) &&
        (scope.model === undefined || this.#sameModel(scope.model, model)),
    );
    if (entry === undefined) return undefined;
    entry.left--;
    if (entry.left <= 0) this.#entries = this.#entries.filter((other) => other !== entry);
    return entry.fault;
  }
}
