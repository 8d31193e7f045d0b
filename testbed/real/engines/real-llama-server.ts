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

/** A real llama-server with one model. */
export class RealLlamaServer implements AsyncDisposable {
  /** Ends in /v1. */
  readonly url: string;
  readonly #server: EngineProcess;
  readonly #folder: string | undefined;

  private constructor(url: string, server: EngineProcess, folder: string | undefined) {
    this.url = url;
    this.#server = server;
    this.#folder = folder;
  }

  /** With a model that says a known text, or embeds. Undefined where the program is not there. */
  static async start(
    toolsFolder: string,
    model: 'voice' | 'embed',
    env: NodeJS.ProcessEnv,
  ): Promise<RealLlamaServer | undefined> {
    if (!existsSync(toProgram(env))) return undefined;
    const folder = await mkdtemp(path.join(tmpdir(), 'waggle-llama-server-'));
    const file = path.join(folder, `${model}.gguf`);
    const writer =
      model === 'voice'
        ? ['scripted-gguf.mjs', file, path.join(toolsFolder, 'real-ollama/voices.json'), model]
        : ['tiny-gguf.mjs', file, '--pooling', '1'];
    const [script = '', ...rest] = writer;
    await promisify(execFile)(process.execPath, [path.join(toolsFolder, script), ...rest]);
    const more = model === 'embed' ? ['--embedding', '--pooling', 'mean'] : [];
    const { url, server } = await launch(env, ['-m', file, '--alias', `llama-${model}`, ...more]);
    return new RealLlamaServer(url, server, folder);
  }

  /** With the model of a file. Undefined where the program is not there. */
  static async serve(file: string, env: NodeJS.ProcessEnv): Promise<RealLlamaServer | undefined> {
    if (!existsSync(toProgram(env))) return undefined;
    const { url, server } = await launch(env, ['-m', file, '--jinja']);
    return new RealLlamaServer(url, server, undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }
}

function toProgram(env: NodeJS.ProcessEnv): string {
  return path.join(programFolder(env), 'lib/ollama/llama-server');
}

async function launch(
  env: NodeJS.ProcessEnv,
  args: readonly string[],
): Promise<{ readonly url: string; readonly server: EngineProcess }> {
  const port = await freePort();
  const server = await EngineProcess.start({
    command: toProgram(env),
    args: [
      ...args,
      ...['--host', '127.0.0.1', '--port', String(port)],
      ...['-t', '1', '-c', '2048', '-np', '2', '--metrics', '--no-webui'],
    ],
    ready: () => until(async () => (await fetch(`http://127.0.0.1:${port}/health`)).ok, 60_000),
  });
  return { url: `http://127.0.0.1:${port}/v1`, server };
}
