import type { JobPins } from '@waggle/shared/cluster/job.ts';
import { ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import { findRoom } from './eviction.ts';
import { ServedPlacement } from './served-placement.ts';

/** Ollama's own default. */
const defaultKeepAliveSeconds = 300;
/** When the engine's report is looked at for what a load did: some tell at once, some only with their next look at the engine. */
const reportedMs = [1_000, 3_000];

/** Makes models resident by command, one command at a time for each (node, model). */
export class ModelLoader {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #loadMaxMs: number;
  readonly #underWay = new Map<ServedPlacement, Promise<void>>();

  constructor(deps: { readonly clock: Clock; readonly logger: Logger; readonly loadMaxMs: number }) {
    this.#clock = deps.clock;
    this.#logger = deps.logger;
    this.#loadMaxMs = deps.loadMaxMs;
  }

  /**
   * Resolves when the model is resident, with at least `neededCtx` tokens of context if that is given. Who asks while a load is
   * under way waits for that one. Rejects with a ClusterError.
   */
  load(placement: ServedPlacement, neededCtx: number | undefined): Promise<void> {
    const underWay = this.#underWay.get(placement);
    if (underWay !== undefined) return underWay;
    const loading = this.#load(placement, neededCtx).finally(() => this.#underWay.delete(placement));
    this.#underWay.set(placement, loading);
    return loading;
  }

  async #load(placement: ServedPlacement, neededCtx: number | undefined): Promise<void> {
    const { link } = placement.served.engine.node;
    if (link === undefined) throw new ClusterError('no-node', `node ${placement.node} has left`);
    if (neededCtx !== undefined && neededCtx > (placement.pinnedCtx ?? placement.numCtx ?? 0))
      placement.pinnedCtx = neededCtx;
    const began = this.#clock.now();
    const facts = { node: placement.node, model: placement.model };
    const isCold = placement.modelState === 'cold';
    const room = isCold ? findRoom(placement, began) : undefined;
    const victim = room?.inMs === 0 && room.victim instanceof ServedPlacement ? room.victim : undefined;
    const before = [...placement.neighbours()].filter((other) => other !== victim && other.modelState === 'hot');
    placement.loadingSince = began;
    if (victim !== undefined) victim.isLeaving = true;
    const timeout = new AbortController();
    const stopTimer = this.#clock.schedule(this.#loadMaxMs, () =>
      timeout.abort(new ClusterError('engine-failed', `${placement.model} was not loaded in time`)),
    );
    this.#logger.info('model-load-started', { ...facts, insteadOf: victim?.model });
    try {
      if (victim !== undefined) await unload(victim);
      const pins = toPins(placement, began);
      await link.load({ engineId: placement.engineId, model: placement.model, pins }, timeout.signal);
      const ms = this.#clock.now() - began;
      if (isCold) placement.rates.learnLoad(this.#clock.now(), ms);
      placement.becameResident(this.#clock.now(), pins.numCtx);
      noteDropped(placement, before, this.#clock.now());
      for (const afterMs of reportedMs)
        this.#clock.schedule(afterMs, () => noteDropped(placement, before, this.#clock.now()));
      this.#logger.info('model-loaded', { ...facts, ms: Math.round(ms) });
    } catch (thrown) {
      const error = toClusterError(thrown);
      placement.pinnedCtx = undefined;
      placement.rates.learnFault(this.#clock.now());
      this.#logger.warn('model-load-failed', { ...facts, error: error.message });
      throw error;
    } finally {
      stopTimer();
      placement.loadingSince = undefined;
      if (victim !== undefined) victim.isLeaving = false;
    }
  }
}

/** An engine that drops a model by itself when another is loaded has no room for one more. One that clients stopped is no such. */
function noteDropped(loaded: ServedPlacement, before: readonly ServedPlacement[], now: number): void {
  if (loaded.modelState !== 'hot' || !before.some((other) => other.modelState === 'cold' && !other.wasToldToGo)) return;
  const left = [...loaded.neighbours()].filter((other) => other.modelState === 'hot');
  loaded.room.dropped(now, left.length + 1);
}

/** An engine that refuses makes room by itself, or refuses the load. */
async function unload(placement: ServedPlacement): Promise<void> {
  placement.pinnedCtx = undefined;
  placement.wasToldToGo = true;
  const { link } = placement.served.engine.node;
  await link?.unload({ engineId: placement.engineId, model: placement.model, pins: {} }).catch(() => {});
}

/** The engine settings that go with every job and load: they are the orchestrator's, so that no client reloads the model by chance. */
export function toPins(placement: ServedPlacement, now: number): JobPins {
  const left = placement.keepUntil - now;
  const keepAliveSeconds =
    left === Number.POSITIVE_INFINITY ? -1 : Math.max(defaultKeepAliveSeconds, Math.ceil(left / 1000));
  const numCtx = placement.pinnedCtx ?? placement.numCtx;
  return numCtx === undefined ? { keepAliveSeconds } : { keepAliveSeconds, numCtx };
}

/** keep_alive of a client is a lower bound; negative means for ever. */
export function toKeepUntil(keepAliveSeconds: number, now: number): number {
  return keepAliveSeconds < 0 ? Number.POSITIVE_INFINITY : now + keepAliveSeconds * 1000;
}
