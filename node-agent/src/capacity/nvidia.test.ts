import { expect, test } from 'vitest';
import { parseNvidiaList } from './nvidia.ts';

test('reads what nvidia-smi lists', () => {
  expect(parseNvidiaList('NVIDIA GeForce RTX 4090, 24564\nTesla, V100, 16160\n\n[N/A], [N/A]\n')).toEqual([
    { name: 'NVIDIA GeForce RTX 4090', vendor: 'NVIDIA', vramBytes: 24_564 * 1024 * 1024 },
    { name: 'Tesla, V100', vendor: 'NVIDIA', vramBytes: 16_160 * 1024 * 1024 },
  ]);
});
