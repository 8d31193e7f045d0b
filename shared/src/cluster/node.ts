import type { DialectName } from '../chat/endpoints.ts';
import type { ModelReport } from './model.ts';

/** Who a node is. The id is stable over restarts, the boot id is new for each process. */
export interface NodeIdentity {
  readonly nodeId: string;
  readonly bootId: string;
  readonly name: string;
  /** Identity of the machine itself, equal for every process on it; with the engine's URL it tells engines apart. */
  readonly machineId: string;
  /** Version of Waggle on the node. */
  readonly version: string;
}

/** What the machine is, empty and 0 where nobody measured it. Sizes in bytes; measured facts win over labels of the configuration. */
export interface Hardware {
  readonly platform: string;
  readonly arch: string;
  readonly cpu: string;
  readonly cpuCores: number;
  readonly memoryBytes: number;
  readonly gpus: readonly Gpu[];
}

/** Of the machine of an engine that has no agent beside it. */
export const unknownHardware: Hardware = { platform: '', arch: '', cpu: '', cpuCores: 0, memoryBytes: 0, gpus: [] };

export function isMeasured({ memoryBytes }: Hardware): boolean {
  return memoryBytes > 0;
}

export interface Gpu {
  readonly name: string;
  readonly vendor: string;
  readonly vramBytes: number;
}

export type EngineKind = 'ollama' | 'vllm' | 'llama-server' | 'lm-studio' | 'openai-compatible' | 'builtin';

/** `unknown`: not asked yet. `down`: refuses connections or answers no probe. */
export type EngineHealth = 'unknown' | 'up' | 'down';

/** Full state of one engine of a node. */
export interface EngineReport {
  /** Unique within its node, stable over restarts of the agent. */
  readonly engineId: string;
  readonly kind: EngineKind;
  readonly dialect: DialectName;
  readonly url: string;
  readonly version: string;
  readonly health: EngineHealth;
  /** Why it is not up, or what its operator should mend (a rejected key, say). */
  readonly problem?: string;
  /** Jobs the engine may be given at once over all its models: the lanes the agent may open for it. */
  readonly slots: number;
  readonly models: readonly ModelReport[];
  /** Requests the engine runs that did not come through this agent; absent where it does not tell. */
  readonly foreignJobs?: number;
}

/** Full state of a node: a later report replaces an earlier one, so a lost report repairs itself. */
export interface NodeReport {
  /** Rises with every report of one boot. */
  readonly sequence: number;
  readonly hardware: Hardware;
  readonly engines: readonly EngineReport[];
  readonly memoryAvailableBytes: number;
  readonly draining: boolean;
  /** Jobs that wait inside the agent's queues: 0 as long as the lanes are right. */
  readonly waitingJobs: number;
  /** Labels of the operator (`capabilities` of the configuration, platform, type). */
  readonly labels: Readonly<Record<string, string>>;
}
