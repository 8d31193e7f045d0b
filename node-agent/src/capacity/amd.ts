import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Gpu } from '@waggle/shared/cluster/node.ts';

/** AMD's GPUs, from what the Linux driver writes about them; none elsewhere. */
export async function findAmdGpus(folder = '/sys/class/drm'): Promise<readonly Gpu[]> {
  const names = await readdir(folder).catch(() => []);
  const cards = names.filter((name) => /^card\d+$/.test(name));
  const gpus = await Promise.all(cards.map((card) => readAmdGpu(path.join(folder, card, 'device'))));
  return gpus.filter((gpu) => gpu !== undefined);
}

async function readAmdGpu(folder: string): Promise<Gpu | undefined> {
  const read = async (file: string) => (await readFile(path.join(folder, file), 'utf8').catch(() => '')).trim();
  const [vendor, vram, product] = await Promise.all([
    read('vendor'),
    read('mem_info_vram_total'),
    read('product_name'),
  ]);
  if (vendor !== '0x1002' || vram === '') return undefined;
  return { name: product === '' ? 'AMD GPU' : product, vendor: 'AMD', vramBytes: Number(vram) };
}
