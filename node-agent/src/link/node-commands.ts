import { ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { NodeHost } from '@waggle/shared/lane-link/node-host.ts';
import type { ControlDown, ControlUp } from '@waggle/shared/wire/control-frames.ts';

type CommandFrame = Extract<ControlDown, { type: 'command' }>;

/** Loads and unloads that the orchestrator asked for. */
export class NodeCommands {
  readonly #host: NodeHost;
  readonly #write: (frame: ControlUp) => void;
  readonly #running = new Map<number, AbortController>();

  constructor(host: NodeHost, write: (frame: ControlUp) => void) {
    this.#host = host;
    this.#write = write;
  }

  async run({ commandId, action, model }: CommandFrame): Promise<void> {
    const controller = new AbortController();
    this.#running.set(commandId, controller);
    try {
      if (action === 'load') await this.#host.load(model, controller.signal);
      else await this.#host.unload(model);
      this.#write({ type: 'command-result', commandId });
    } catch (thrown) {
      this.#write({ type: 'command-result', commandId, error: toClusterError(thrown) });
    } finally {
      this.#running.delete(commandId);
    }
  }

  cancel(commandId: number): void {
    this.#running.get(commandId)?.abort(new ClusterError('client-gone', 'nobody waits for the command any more'));
  }

  close(): void {
    for (const controller of this.#running.values()) {
      controller.abort(new ClusterError('client-gone', 'the connection to the orchestrator is gone'));
    }
  }
}
