import { toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import type { ServedModel } from '../cluster/served-model.ts';
import type { Scheduler } from '../scheduling/scheduler.ts';

/** Takes models out of memory. */
export class Unloading {
  readonly #scheduler: Scheduler;
  readonly #logger: Logger;

  constructor(scheduler: Scheduler, logger: Logger) {
    this.#scheduler = scheduler;
    this.#logger = logger;
  }

  /** Tells every engine that holds one of them; a node that fails is logged, the others are told all the same. */
  async unload(places: readonly ServedModel[]): Promise<void> {
    const told = places.map(async (served) => {
      const placement = this.#scheduler.placement(served);
      placement.keepUntil = 0;
      placement.pinnedCtx = undefined;
      try {
        await served.engine.node.link?.unload({ engineId: served.engine.engineId, model: served.name, pins: {} });
      } catch (thrown) {
        this.#logger.warn('model-unload-failed', {
          node: placement.node,
          model: served.name,
          error: toClusterError(thrown).message,
        });
      }
    });
    await Promise.all(told);
  }
}
