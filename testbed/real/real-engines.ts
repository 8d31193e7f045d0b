import { inject } from 'vitest';

/** Where the real engines are; the tests of those that are undefined are skipped. */
export interface RealEngines {
  /** Base URL of a real Ollama with the models voice, thinker, endless, slow and tiny-embed. */
  readonly ollama: string | undefined;
  /** A second one in the same state: one is asked directly, the other through Waggle. */
  readonly secondOllama: string | undefined;
  /** Path of Ollama's own command line program. */
  readonly ollamaCli: string | undefined;
  /** Base URL, ending in /v1, of a real llama-server with a model `llama-voice` that says the text of `voice`. */
  readonly llamaServer: string | undefined;
  /** The same with an embedding model `llama-embed`. */
  readonly llamaEmbedder: string | undefined;
  /** What can start further engines. */
  readonly toolsFolder: string | undefined;
  /** Path of a GGUF with weights that were trained, for the built-in engine. */
  readonly weights: string | undefined;
}

declare module 'vitest' {
  interface ProvidedContext {
    realEngines: RealEngines;
  }
}

export function findRealEngines(): RealEngines {
  return inject('realEngines');
}

export const howToRun =
  'Addresses by environment: WAGGLE_REAL_OLLAMA, WAGGLE_REAL_OLLAMA_2, WAGGLE_REAL_OLLAMA_CLI, WAGGLE_REAL_LLAMA_SERVER, ' +
  'WAGGLE_REAL_LLAMA_EMBEDDER; the path of a GGUF of a small chat model: WAGGLE_REAL_GGUF.';
