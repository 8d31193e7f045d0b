import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../src/cluster/free-port.ts';
import { until } from '../../src/cluster/process-cluster.ts';
import { EngineProcess } from './engine-process.ts';

/** The folder that holds the programs of a started RealOllama; it unpacks them there. */
export function programFolder(env: NodeJS.ProcessEnv): string {
  const cache = env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache');
  return env['REAL_OLLAMA_CACHE'] ?? path.join(cache, 'waggle-real-ollama');
}

/** A real llama-server with one model, which says a known text. */
export class RealLlamaServer implements AsyncDisposable {
  /** Ends in /v1. */
  readonly url: string;
  readonly #server: EngineProcess;
  readonly #folder: string;

  private constructor(url: string, server: EngineProcess, folder: string) {
    this.url = url;
    this.#server = server;
    this.#folder = folder;
  }

  /** Undefined where the program is not there. */
  static async start(
    toolsFolder: string,
    model: 'voice' | 'embed',
    env: NodeJS.ProcessEnv,
  ): Promise<RealLlamaServer | undefined> {
    const program = path.join(programFolder(env), 'lib/ollama/llama-server');
    if (!existsSync(program)) return undefined;
    const folder = await mkdtemp(path.join(tmpdir(), 'waggle-llama-server-'));
    const file = path.join(folder, `${model}.gguf`);
    const writer =
      model === 'voice'
        ? ['scripted-gguf.mjs', file, path.join(toolsFolder, 'real-ollama/voices.json'), model]
        : ['tiny-gguf.mjs', file, '--pooling', '1'];
    const [script = '', ...rest] = writer;
    await promisify(execFile)(process.execPath, [path.join(toolsFolder, script), ...rest]);
    const port = await freePort();
    const server = await EngineProcess.start({
      command: program,
      args: [
        ...['-m', file, '--alias', `llama-${model}`, '--host', '127.0.0.1', '--port', String(port)],
        ...['-t', '1', '-c', '2048', '-np', '2', '--metrics', '--no-webui'],
        ...(model === 'embed' ? ['--embedding', '--pooling', 'mean'] : []),
      ],
      ready: () => until(async () => (await fetch(`http://127.0.0.1:${port}/health`)).ok, 60_000),
    });
    return new RealLlamaServer(`http://127.0.0.1:${port}/v1`, server, folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
