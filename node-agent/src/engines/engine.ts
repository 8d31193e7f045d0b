import type { DialectName } from '@waggle/shared/chat/endpoints.ts';
import type { JobHeader } from '@waggle/shared/cluster/job.ts';
import type { ModelReport } from '@waggle/shared/cluster/model.ts';
import type { EngineKind } from '@waggle/shared/cluster/node.ts';
import type { OperationFrame, OperationRequest } from '@waggle/shared/cluster/operation.ts';
import type { JobOutput, ModelCommand, RunningJob } from '@waggle/shared/lane-link/node-host.ts';

/**
 * What really runs models, seen from its node. An implementation knows the engine's HTTP and nothing of slots, health or
 * reports: those are counted above it, the same for every engine.
 */
export interface Engine {
  readonly identity: EngineIdentity;
  readonly models: EngineModels;
  readonly probe: EngineProbe;
  /** Runs one job; `declined` is never given here. `ended` comes when the engine has stopped, whatever made it stop. */
  run(job: JobHeader, body: Uint8Array, output: JobOutput): RunningJob;
  /** Every request to the engine says from now on that it went through this cluster. */
  nameCluster(clusterId: string): void;
  /** When it last sent a byte, on the node's clock: one that answers jobs is not down, however slow its probes are. */
  lastSignOfLife(): number;
  /** Called whenever a survey would tell something new; absent: that is for surveys alone to find out. */
  watch?(changed: () => void): void;
  /** Cuts every connection to the engine; jobs on it end as failed. */
  close(): Promise<void>;
}

export interface EngineIdentity {
  /** Unique within the node and equal after every restart. */
  readonly engineId: string;
  readonly dialect: DialectName;
  /** Without a trailing slash; OpenAI-compatible ones with their `/v1`. */
  readonly url: string;
}

export interface EngineProbe {
  /** The cheapest question the engine answers. Rejects with an EngineProblem. */
  ping(signal: AbortSignal): Promise<void>;
  /** Everything the engine tells about itself. Rejects with an EngineProblem. */
  survey(signal: AbortSignal): Promise<EngineSurvey>;
}

/** What the models of an engine can be made to do; none of it takes a slot. */
export interface EngineModels {
  /** Resolves when the model is resident; rejects with a ClusterError. */
  load(command: ModelCommand, signal: AbortSignal): Promise<void>;
  /** Resolves when the engine was told. */
  unload(command: ModelCommand, signal: AbortSignal): Promise<void>;
  /** Runs until its `end` frame; aborting `signal` closes the engine's connection. */
  operate(
    request: OperationRequest,
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): AsyncIterable<OperationFrame>;
}

export interface EngineSurvey {
  readonly kind: EngineKind;
  /** Empty where the engine does not tell. */
  readonly version: string;
  /** Jobs the engine may be given at once over all its models. */
  readonly slots: number;
  readonly models: readonly ModelReport[];
  /** Requests the engine runs now, whoever sent them; absent where it does not tell. */
  readonly runningJobs?: number;
  /** Something its operator should mend although it serves. */
  readonly problem?: string;
}

/** What an operator decided about slots, over what an engine would be given by itself. */
export interface SlotSettings {
  /** At most so many jobs at once over all models (`slots`, `QUEUE_CONCURRENCY`). */
  readonly slots?: number;
  /** `OLLAMA_NUM_PARALLEL`. */
  readonly numParallel?: number;
  /** `OLLAMA_MAX_LOADED_MODELS`. */
  readonly maxLoadedModels?: number;
}
