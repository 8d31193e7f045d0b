import type { RequestFacts } from '@waggle/shared/dialects/requests/request-facts.ts';

/** Loading and unloading on a client's wish (Ollama's empty requests). */
export interface ModelResidency {
  /** Resolves to the name of the node where it fits best when the model is resident there. Rejects with a ClusterError. */
  load(facts: RequestFacts, signal: AbortSignal): Promise<string>;
  /** Takes the model out of memory wherever it is; resolves to the names of the nodes that were told. Rejects with a ClusterError. */
  unload(model: string): Promise<readonly string[]>;
}
