import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { freePort } from '../../src/cluster/free-port.ts';
import { until } from '../../src/cluster/process-cluster.ts';
import { EngineProcess } from './engine-process.ts';

/** For the agent in front of one too. All models of the suite stay loaded: which goes first is a matter of timing. */
export const ollamaEnv = { OLLAMA_MAX_LOADED_MODELS: '8' };

/** A real Ollama with the models voice, thinker, endless, slow and tiny-embed. */
export class RealOllama implements AsyncDisposable {
  readonly url: string;
  readonly #script: EngineProcess;

  private constructor(url: string, script: EngineProcess) {
    this.url = url;
    this.#script = script;
  }

  static async start(toolsFolder: string, parallel = 1): Promise<RealOllama> {
    const port = await freePort();
    const script = await EngineProcess.start({
      command: path.join(toolsFolder, 'real-ollama/start.sh'),
      args: [String(port), String(parallel)],
      env: ollamaEnv,
      ready: (process) => until(async () => process.output.includes('with models'), 60_000),
    });
    return new RealOllama(`http://127.0.0.1:${port}`, script);
  }

  /** Kills the server and its runners, as a power cut would. */
  async killNow(): Promise<void> {
    for (const pid of await childrenOf(this.#script.pid)) {
      try {
        process.kill(-pid, 'SIGKILL');
      } catch (thrown) {
        // Not the leader of a group: a helper of the script.
        if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#script[Symbol.asyncDispose]();
  }
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}
