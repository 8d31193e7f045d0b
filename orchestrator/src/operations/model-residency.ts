import type { RequestFacts } from '@waggle/shared/dialects/request-facts.ts';

/** Loading and unloading on a client's wish (Ollama's empty requests). */
export interface ModelResidency {
  /** Resolves when the model is resident on the node where it fits best. Rejects with a ClusterError. */
  load(facts: RequestFacts, signal: AbortSignal): Promise<void>;
  /** Takes the model out of memory wherever it is resident. Rejects with a ClusterError. */
  unload(model: string): Promise<void>;
}
