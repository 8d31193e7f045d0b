import type { Usage } from '@waggle/shared/chat/chat-event.ts';
import type { EndpointName } from '@waggle/shared/chat/endpoints.ts';
import type { Priority } from '@waggle/shared/cluster/job.ts';
import type { Decision } from '../scheduling/decision.ts';

export const requestStates = ['held', 'running', 'done', 'failed', 'client-gone'] as const;
export type RequestState = (typeof requestStates)[number];

export const cacheOutcomes = ['hit', 'miss', 'coalesced'] as const;
/** `coalesced`: it got the answer that was being made for another request. */
export type CacheOutcome = (typeof cacheOutcomes)[number];

/** APIs of clients whose requests run as chats of OpenAI's. */
export const translatedApis = ['anthropic.messages', 'openai.responses'] as const;
export type TranslatedApi = (typeof translatedApis)[number];

/** The story of one request, kept in memory while it runs and for a while after. Times are milliseconds since `receivedAt`. */
export interface RequestRecord {
  readonly requestId: string;
  /** What the client spoke. */
  readonly endpoint: EndpointName | TranslatedApi;
  /** As the client wrote it. */
  readonly model: string;
  readonly stream: boolean;
  readonly priority: Priority;
  readonly client: { readonly address: string; readonly userAgent: string };
  /** Wall clock, RFC 3339. */
  readonly receivedAt: string;
  state: RequestState;
  /** Name of the node that answers, or tried last. */
  node?: string;
  attempts: AttemptRecord[];
  /** Set where the request asked the cache. */
  cache?: CacheOutcome;
  firstEventMs?: number;
  endedMs?: number;
  usage?: Usage;
  /** Tokens per second, from the engine's own figures where it has them. */
  prefillRate?: number;
  decodeRate?: number;
  error?: { readonly code: string; readonly message: string };
}

/** Jobs that a node gave back at once are no attempts, though they are part of the story. */
export function countAttempts({ attempts }: Pick<RequestRecord, 'attempts'>): number {
  let count = 0;
  for (const { outcome } of attempts) if (outcome !== 'declined') count++;
  return count;
}

export interface AttemptRecord {
  readonly node: string;
  readonly engineId: string;
  /** The engine's name of the model. */
  readonly model: string;
  readonly decision: Decision;
  /** Milliseconds since the request was received. */
  readonly boundMs: number;
  outcome?: 'done' | 'failed' | 'cancelled' | 'declined' | 'lost';
  reason?: string;
  endedMs?: number;
}
