import type { EndpointName } from '../../chat/endpoints.ts';
import type { StartOptions } from '../../cluster/job.ts';
import type { Capability } from '../../cluster/model.ts';

/** What scheduling must know of a request; read from the parsed body once, at the edge. */
export interface RequestFacts {
  readonly endpoint: EndpointName;
  /** As the client wrote it. */
  readonly model: string;
  readonly stream: boolean;
  /** `load` and `unload` are Ollama's empty requests; they generate nothing. */
  readonly action: 'run' | 'load' | 'unload';
  /** Capabilities a model must have for it. */
  readonly needs: readonly Capability[];
  /** Estimate: a quarter of the prompt's characters, plus a fixed cost per image. */
  readonly promptTokens: number;
  /** The client's bound on the answer; absent: none. */
  readonly maxTokens?: number;
  /** Context length the client asked for. */
  readonly numCtx?: number;
  /** Options it asked a model to be started with. */
  readonly startOptions?: StartOptions;
  /** The client's keep_alive in seconds; negative: for ever. */
  readonly keepAliveSeconds?: number;
  /** Texts to embed, or answers wanted: OpenAI's `n` for each of its prompts; 1 for everything else. */
  readonly inputs: number;
  /** A streaming OpenAI client asked for the usage chunk. */
  readonly includeUsage: boolean;
}
