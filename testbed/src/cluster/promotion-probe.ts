// Loaded into a program before its own code (`--import`), to see what of its garbage grows old. Told by SIGUSR2 it collects everything once and
// counts from then on the bytes that young collections move into old space; told again it says how many they were, and so on in turn.
import { GCProfiler, setFlagsFromString } from 'node:v8';
import { releaseMemory } from '@waggle/shared/process/release-memory.ts';

// What the compiler does away with in one run it leaves in the next: here everything is allocated as it is written.
setFlagsFromString('--no-opt');
setFlagsFromString('--no-maglev');

let profiler: GCProfiler | undefined;

process.on('SIGUSR2', () => {
  process.stderr.write(`promoted ${profiler === undefined ? begin() : end(profiler)}\n`);
});

function begin(): string {
  // The tables of today grow old by it: those that follow them are to be let go of all the same.
  releaseMemory();
  profiler = new GCProfiler();
  profiler.start();
  return 'from now on';
}

function end(running: GCProfiler): number {
  profiler = undefined;
  let promoted = 0;
  for (const { gcType, beforeGC, afterGC } of running.stop()?.statistics ?? [])
    if (gcType === 'Scavenge') promoted += oldBytes(afterGC) - oldBytes(beforeGC);
  return promoted;
}

interface Heap {
  readonly heapSpaceStatistics: readonly { readonly spaceName: string; readonly spaceUsedSize: number }[];
}

function oldBytes({ heapSpaceStatistics }: Heap): number {
  return heapSpaceStatistics.find(({ spaceName }) => spaceName === 'old_space')?.spaceUsedSize ?? 0;
}
