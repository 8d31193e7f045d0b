import { existsSync } from 'node:fs';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { programFolder, RealLlamaServer } from './engines/real-llama-server.ts';
import { RealOllama } from './engines/real-ollama.ts';
import { findToolsFolder } from './engines/tools-folder.ts';
import { howToRun, type RealEngines } from './real-engines.ts';

/** Starts what the environment does not name, where the tools for it are; ends it after the last test. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { env } = process;
  const stack = new AsyncDisposableStack();
  const toolsFolder = findToolsFolder();
  const startOllama = async () => {
    if (toolsFolder === undefined) return undefined;
    return stack.use(await RealOllama.start(toolsFolder)).url;
  };
  const startLlamaServer = async (model: 'voice' | 'embed') => {
    if (toolsFolder === undefined) return undefined;
    return stack.use(await RealLlamaServer.start(toolsFolder, model, env))?.url;
  };
  try {
    const ollama = env['WAGGLE_REAL_OLLAMA'] ?? (await startOllama());
    const cli = env['WAGGLE_REAL_OLLAMA_CLI'] ?? path.join(programFolder(env), 'bin/ollama');
    const engines: RealEngines = {
      ollama,
      secondOllama: env['WAGGLE_REAL_OLLAMA_2'] ?? (ollama === undefined ? undefined : await startOllama()),
      ollamaCli: existsSync(cli) ? cli : undefined,
      llamaServer: env['WAGGLE_REAL_LLAMA_SERVER'] ?? (await startLlamaServer('voice')),
      llamaEmbedder: env['WAGGLE_REAL_LLAMA_EMBEDDER'] ?? (await startLlamaServer('embed')),
      toolsFolder,
      weights: env['WAGGLE_REAL_GGUF'],
    };
    project.provide('realEngines', engines);
    const missing = Object.entries(engines).filter(([, value]) => value === undefined);
    if (missing.length > 0) {
      const names = missing.map(([name]) => name).join(', ');
      process.stdout.write(`Not there, so its tests are skipped: ${names}. ${howToRun}\n`);
    }
  } catch (thrown) {
    await stack[Symbol.asyncDispose]();
    throw thrown;
  }
  return () => stack[Symbol.asyncDispose]();
}
