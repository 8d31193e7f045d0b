import type { ChatEvent } from './chat-event.ts';
import type { GenerationRequest } from './generation-request.ts';

/**
 * Whatever can answer a request: the cluster, a cache in front of it, a pattern over several models.
 * The stream ends with exactly one `response-end` or throws a ClusterError; aborting `signal` ends the work behind it.
 */
export interface ChatBackend {
  chat(request: GenerationRequest, options: { readonly signal: AbortSignal }): AsyncIterable<ChatEvent>;
}
