import type { ModelCommand } from '@waggle/shared/lane-link/node-host.ts';
import type { ControlDown } from '@waggle/shared/wire/control-frames.ts';

interface Pending {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Commands on the control stream that wait for their result. */
export class PendingCommands {
  readonly #write: (frame: ControlDown) => void;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;

  constructor(write: (frame: ControlDown) => void) {
    this.#write = write;
  }

  /** Rejects with the node's error, with that of `rejectAll`, or with the signal's reason as soon as it aborts. */
  run(action: 'load' | 'unload', model: ModelCommand, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    this.#lastId++;
    const commandId = this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = () => {
      this.#pending.delete(commandId);
      this.#write({ type: 'cancel-command', commandId });
      reject(signal?.reason);
    };
    const forget = () => signal?.removeEventListener('abort', onAbort);
    this.#pending.set(commandId, {
      resolve: () => {
        forget();
        resolve();
      },
      reject: (error) => {
        forget();
        reject(error);
      },
    });
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#write({ type: 'command', commandId, action, model });
    return promise;
  }

  settle(commandId: number, error: unknown): void {
    const pending = this.#pending.get(commandId);
    this.#pending.delete(commandId);
    if (error === undefined) pending?.resolve();
    else pending?.reject(error);
  }

  rejectAll(error: unknown): void {
    const all = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of all) pending.reject(error);
  }
}
