import { availableParallelism } from 'node:os';

/** Weights that one core computes faster than several can agree on. */
const smallBytes = 64 * 1024 * 1024;
/** More do not help: memory is what a large machine waits for. */
const mostThreads = 16;

/**
 * Threads a model is computed with. The library's wait for each other in a loop, so one that finds its core taken holds up all
 * of them: with as many threads as cores, a busy machine of two takes forty times as long as with one. One core is therefore left
 * to everything else, and small models get one thread; figures in design.md.
 */
export function chooseThreads(weightsBytes: number, cores: number = availableParallelism()): number {
  if (weightsBytes < smallBytes) return 1;
  return Math.max(1, Math.min(mostThreads, cores - 1));
}
