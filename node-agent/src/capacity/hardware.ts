import { cpus, totalmem } from 'node:os';
import type { Gpu, Hardware } from '@waggle/shared/cluster/node.ts';
import { findAmdGpus } from './amd.ts';
import { findNvidiaGpus } from './nvidia.ts';

/** What this process sees by itself: enough to begin with, the GPUs follow. */
export function basicHardware(): Hardware {
  const found = cpus();
  return {
    platform: process.platform,
    arch: process.arch,
    cpu: found[0]?.model.trim().replaceAll(/\s+/g, ' ') ?? '',
    cpuCores: found.length,
    memoryBytes: memoryBytes(),
    gpus: [],
  };
}

/** The GPUs of the machine; asks other programs, so it takes its time. Never fails: what cannot be found out is left out. */
export async function findGpus(): Promise<readonly Gpu[]> {
  // The vendors' own ways first: systeminformation would stop the whole process while it waits for nvidia-smi.
  const [nvidia, amd] = await Promise.all([findNvidiaGpus(), findAmdGpus()]);
  const found = [...nvidia, ...amd];
  if (found.length > 0 || process.platform === 'linux') return found;
  const { graphics } = await import('systeminformation');
  const { controllers } = await graphics();
  return controllers
    .filter(({ model }) => model !== '')
    .map(({ model, vendor, vram }) => ({ name: model, vendor, vramBytes: (vram ?? 0) * 1024 * 1024 }));
}

/** Memory the engines may have: a container's limit where there is one. */
function memoryBytes(): number {
  const limit = process.constrainedMemory();
  // Without a limit the number is absurdly large.
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}
