export const capabilities = ['completion', 'tools', 'insert', 'vision', 'embedding', 'thinking', 'audio'] as const;
export type Capability = (typeof capabilities)[number];

export const modelStates = ['cold', 'loading', 'hot'] as const;
/** `hot`: resident and ready. `loading`: on its way. `cold`: on disk only. */
export type ModelState = (typeof modelStates)[number];

/** One model of an engine, with every fact the engine offers. Sizes in bytes, lengths in tokens. */
export interface ModelReport {
  /** The engine's own name for it (`llama3.2:latest`). */
  readonly name: string;
  /** Digest of its content where the engine has one; equal digests are the same model. */
  readonly digest: string;
  readonly sizeBytes: number;
  readonly state: ModelState;
  /** Absent when the engine does not say: then nothing is refused for want of a capability. */
  readonly capabilities?: readonly Capability[];
  /** Longest context the model was trained for. */
  readonly contextLength?: number;
  /** Context of the resident instance, or the one the engine would load it with. */
  readonly numCtx?: number;
  /** Parallel requests the engine takes for this model (S); more would queue inside the engine. */
  readonly parallel: number;
  readonly modifiedAt?: string;
  readonly family?: string;
  readonly parameterSize?: string;
  readonly quantization?: string;
  /** Set while resident. */
  readonly resident?: ResidentModel;
  /** The engine's own entry of `/api/tags`, JSON text; absent where the engine has none. */
  readonly tagJson?: string;
  /** The engine's own entry of `/api/ps`, JSON text. */
  readonly psJson?: string;
  /** It says fixed texts, where there is no model: never chosen for anything but a request that names it. */
  readonly scripted?: true;
}

export interface ResidentModel {
  readonly sizeBytes: number;
  readonly vramBytes: number;
  /** RFC 3339; absent: stays until told otherwise. */
  readonly expiresAt?: string;
}
