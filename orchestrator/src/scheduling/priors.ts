import { type Hardware, isMeasured } from '@waggle/shared/cluster/node.ts';
import type { RatePriors } from './rates.ts';

/**
 * What to expect of hardware nobody has measured yet. Decoding reads all weights once per token, so it is bound by memory
 * bandwidth: bytes of the model over bytes per millisecond. Prefill computes many tokens per read.
 */
interface HardwareClass {
  readonly bandwidth: number;
  readonly prefillSpeedup: number;
}

/** Bytes per millisecond; typical machines, not the best of their kind. */
const classes = {
  gpu: { bandwidth: 400e6, prefillSpeedup: 30 },
  unified: { bandwidth: 150e6, prefillSpeedup: 10 },
  cpu: { bandwidth: 30e6, prefillSpeedup: 4 },
  /** Between the others. */
  unknown: { bandwidth: 110e6, prefillSpeedup: 10 },
} satisfies Record<string, HardwareClass>;

const diskBandwidth = 1e6;
const loadOverheadMs = 300;
const leastDecodeMs = 0.2;
/** A model whose engine does not tell its size. */
const unknownModelBytes = 4e9;

export function toPriors(hardware: Hardware, modelBytes: number): RatePriors {
  const bytes = modelBytes > 0 ? modelBytes : unknownModelBytes;
  const vram = hardware.gpus.reduce((sum, gpu) => sum + gpu.vramBytes, 0);
  const apple = hardware.platform === 'darwin' && hardware.arch === 'arm64';
  const known = vram >= bytes ? classes.gpu : apple ? classes.unified : classes.cpu;
  const kind: HardwareClass = isMeasured(hardware) ? known : classes.unknown;
  const decodeMsPerToken = Math.max(leastDecodeMs, bytes / kind.bandwidth);
  return {
    decodeMsPerToken,
    prefillMsPerToken: decodeMsPerToken / kind.prefillSpeedup,
    loadMs: loadOverheadMs + bytes / diskBandwidth,
  };
}

/** What a machine could hold at most, as far as that is known. */
export function toMemoryBytes(hardware: Hardware): number {
  if (!isMeasured(hardware)) return Number.POSITIVE_INFINITY;
  return hardware.memoryBytes + hardware.gpus.reduce((sum, gpu) => sum + gpu.vramBytes, 0);
}

/** Where models run at full speed, as far as that is known: on the GPUs if there are any. */
export function toFastMemoryBytes(hardware: Hardware): number {
  if (!isMeasured(hardware)) return Number.POSITIVE_INFINITY;
  const vram = hardware.gpus.reduce((sum, gpu) => sum + gpu.vramBytes, 0);
  return vram > 0 ? vram : hardware.memoryBytes;
}
