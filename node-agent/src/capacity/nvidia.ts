import { execFile } from 'node:child_process';
import type { Gpu } from '@waggle/shared/cluster/node.ts';

const query = ['--query-gpu=name,memory.total', '--format=csv,noheader,nounits'];
const answerMaxMs = 5_000;

/** NVIDIA's GPUs; none where nvidia-smi is missing or fails. */
export function findNvidiaGpus(): Promise<readonly Gpu[]> {
  return new Promise((resolve) => {
    execFile('nvidia-smi', query, { timeout: answerMaxMs, windowsHide: true }, (error, stdout) => {
      resolve(error === null ? parseNvidiaList(stdout) : []);
    });
  });
}

/** Lines of `name, MiB`. */
export function parseNvidiaList(text: string): readonly Gpu[] {
  const gpus: Gpu[] = [];
  for (const line of text.split('\n')) {
    const [, name, mebibytes] = /^(.+),\s*(\d+)\s*$/.exec(line) ?? [];
    if (name !== undefined && mebibytes !== undefined) {
      gpus.push({ name: name.trim(), vendor: 'NVIDIA', vramBytes: Number(mebibytes) * 1024 * 1024 });
    }
  }
  return gpus;
}
