/** What the core is asked for: a generation in no dialect. */
export interface Ask {
  /** As the client wrote it. */
  readonly model: string;
  /** The whole prompt as the model sees it: what the prefix cache compares. */
  readonly prompt: string;
  /** Embeddings use no prefix cache. */
  readonly prefixCached: boolean;
  /** The last user message, or the bare prompt: what an echo repeats. */
  readonly text: string;
  /** The last message is a tool's answer, so no tool is called again. */
  readonly afterTool: boolean;
  /** Most tokens of the answer, thinking included. Infinity: no limit. */
  readonly maxTokens: number;
  readonly stop: readonly string[];
  /** Names of the tools that are offered. */
  readonly tools: readonly string[];
  /** `required`: some tool must be called. Another string names the tool. */
  readonly toolChoice: 'auto' | 'none' | 'required' | { readonly name: string };
  readonly think: boolean;
  /** An answer in JSON is wanted. */
  readonly formatted: boolean;
}

/** How a model is to be resident, and for how long. */
export interface Residence {
  /** Absent: the model's own, or the engine's. */
  readonly numCtx?: number | undefined;
  /** Anything else that makes an engine load a model anew when it differs. */
  readonly runner: string;
  /** Milliseconds after its last use; 0: goes at once; Infinity: stays. Absent: the engine's default. */
  readonly keepAliveMs?: number | undefined;
}

/** For vectors: a model that says nothing. */
export function toEmbeddingAsk(model: string, prompt: string): Ask {
  return {
    model,
    prompt,
    prefixCached: false,
    text: prompt,
    afterTool: false,
    maxTokens: 0,
    stop: [],
    tools: [],
    toolChoice: 'none',
    think: false,
    formatted: false,
  };
}
