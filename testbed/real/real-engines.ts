/** Where the real engines are; the suite says what it skips when they are not there. */
export interface RealEngines {
  /** Base URL of a real Ollama with the models voice, thinker, endless, slow and tiny-embed. */
  readonly ollama: string;
  /** A second one, for tests over two machines. */
  readonly secondOllama: string | undefined;
  /** Path of Ollama's own command line program. */
  readonly ollamaCli: string | undefined;
  /** Base URL of a real llama-server, ending in /v1. */
  readonly llamaServer: string | undefined;
}

export function findRealEngines(env: NodeJS.ProcessEnv): RealEngines | undefined {
  const ollama = env['WAGGLE_REAL_OLLAMA'];
  if (ollama === undefined) return undefined;
  return {
    ollama,
    secondOllama: env['WAGGLE_REAL_OLLAMA_2'],
    ollamaCli: env['WAGGLE_REAL_OLLAMA_CLI'],
    llamaServer: env['WAGGLE_REAL_LLAMA_SERVER'],
  };
}

export const howToRun = 'set WAGGLE_REAL_OLLAMA (and _2, _CLI, WAGGLE_REAL_LLAMA_SERVER) to run against real engines';
