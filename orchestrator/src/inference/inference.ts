import type { AnswerBatch } from '@waggle/shared/chat/answer-batch.ts';
import type { Priority } from '@waggle/shared/cluster/job.ts';
import type { RequestFacts } from '@waggle/shared/dialects/requests/request-facts.ts';
import type { CacheWish } from '../caching/cache-wish.ts';
import type { RequestRecord, TranslatedApi } from './request-record.ts';

/** One generation that a client, or a pattern on its behalf, wants. */
export interface InferenceRequest {
  readonly requestId: string;
  readonly facts: RequestFacts;
  /** The client's body as it came; kept until the first event, for a retry. */
  readonly body: Uint8Array;
  readonly priority: Priority;
  /** When it came in, before its body was read, on the monotonic clock: deadline and times count from then. */
  readonly receivedAt: number;
  /** Milliseconds the client is willing to wait for the whole answer, from `receivedAt`. */
  readonly deadlineMs?: number;
  readonly client: ClientFacts;
  readonly traceparent?: string;
  /** It is a part of a larger request; the same for all of its parts. */
  readonly group?: symbol;
  /** Clusters the request went through before this one. */
  readonly hops?: string;
  /** Absent: it is answered anew, and alone. */
  readonly cacheWish?: CacheWish;
  /** The API of its client, where that is none of the endpoints. */
  readonly translatedFrom?: TranslatedApi;
  /** `native`: the engine's own bytes where it speaks the endpoint's dialect. `events`: typed events always. */
  readonly answer: 'native' | 'events';
}

export interface ClientFacts {
  readonly address: string;
  readonly userAgent: string;
}

/**
 * The answer to one request. Iterated once; nothing comes before the first committing batch, so until then a failure is
 * still a plain error with a status of its own. A throw is a ClusterError. Returning early or aborting the signal
 * cancels the work behind it. A batch is only asked for when the reader has taken the one before: that is the back-pressure.
 */
export interface Answer extends AsyncIterable<AnswerBatch> {
  /** What is known of the request so far; node and attempts are final from the first batch on. */
  readonly record: RequestRecord;
}

export interface Inference {
  /** Never throws; what is wrong comes out of the iteration. */
  run(request: InferenceRequest, signal: AbortSignal): Answer;
}
