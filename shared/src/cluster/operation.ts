import type { JobFailure } from './job.ts';

/** Work on an engine's models that takes no slot. */
export const operationNames = ['show', 'pull', 'push', 'create', 'copy', 'delete', 'blob-head', 'blob-put'] as const;
export type OperationName = (typeof operationNames)[number];

/** After these an engine has other models than before. */
export const changingOperations: ReadonlySet<OperationName> = new Set(['pull', 'create', 'copy', 'delete']);

export interface OperationRequest {
  readonly operationId: string;
  readonly engineId: string;
  readonly name: OperationName;
  /**
   * The client's JSON body in Ollama's dialect; for blobs `{"digest": "sha256:…", "size": bytes}`, with no size where nobody knows it, and the
   * content as its own stream.
   */
  readonly bodyJson: string;
}

/** Answer of an operation: one head, any number of chunks, then one end. */
export type OperationFrame =
  | { readonly type: 'head'; readonly status: number; readonly contentType: string }
  | { readonly type: 'chunk'; readonly bytes: Uint8Array }
  | { readonly type: 'end'; readonly failure?: JobFailure };
