import type { Llama } from 'node-llama-cpp';

export type Library = typeof import('node-llama-cpp');

/** The library is large, and may be missing: only children that need it import this. */
export function importLibrary(): Promise<Library> {
  return import('node-llama-cpp');
}

/** The native part, as it is installed: nothing is ever built or fetched. */
export function openLlama(library: Library, threads: number): Promise<Llama> {
  return library.getLlama({
    gpu: process.platform === 'darwin' && process.arch === 'arm64' ? 'auto' : false,
    build: 'never',
    skipDownload: true,
    progressLogs: false,
    logLevel: library.LlamaLogLevel.error,
    maxThreads: threads,
  });
}
