import { ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import { findRoom } from './eviction.ts';
import { neededCtx, type ResidentNeeds } from './placement.ts';
import type { SchedulerLimits } from './scheduler-limits.ts';
import { ServedPlacement } from './served-placement.ts';
import { keptMs, toPins } from './stay.ts';

/** When the engine's report is looked at for what a load did: some tell at once, some only with their next look at the engine. */
const reportedMs = [1_000, 3_000];

/** Makes models resident by command, one command at a time for each (node, model). */
export class ModelLoader {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #limits: Pick<SchedulerLimits, 'modelLoadMaxMs'>;
  readonly #underWay = new Map<ServedPlacement, Promise<void>>();

  constructor(deps: {
    readonly clock: Clock;
    readonly logger: Logger;
    readonly limits: Pick<SchedulerLimits, 'modelLoadMaxMs'>;
  }) {
    this.#clock = deps.clock;
    this.#logger = deps.logger;
    this.#limits = deps.limits;
  }

  /**
   * Resolves when the model is resident, with at least the context and with the start options that are needed. Who asks while a
   * load is under way waits for that one, whatever it is for. Rejects with a ClusterError.
   */
  load(placement: ServedPlacement, needs: ResidentNeeds, keepAliveSeconds?: number): Promise<void> {
    const underWay = this.#underWay.get(placement);
    if (underWay !== undefined) return underWay;
    const loading = this.#load(placement, needs, keepAliveSeconds).finally(() => this.#underWay.delete(placement));
    this.#underWay.set(placement, loading);
    return loading;
  }

  async #load(placement: ServedPlacement, needs: ResidentNeeds, keepAliveSeconds: number | undefined): Promise<void> {
    const { link } = placement.served.engine.node;
    if (link === undefined) throw new ClusterError('no-node', `node ${placement.node} has left`);
    const began = this.#clock.now();
    const facts = { node: placement.node, model: placement.model };
    const isCold = placement.modelState === 'cold';
    pinContext(placement, needs, isCold);
    // What clients asked for whose model is gone is not asked for again.
    if (isCold) placement.startOptions = needs.startOptions;
    else if (needs.startOptions !== undefined)
      placement.startOptions = { ...placement.startOptions, ...needs.startOptions };
    const room = isCold ? findRoom(placement, began) : undefined;
    const victim = room?.inMs === 0 && room.victim instanceof ServedPlacement ? room.victim : undefined;
    const before = toStaying([...placement.neighbours()].filter((other) => other !== victim));
    placement.keepFor(keepAliveSeconds, began);
    placement.loadingSince = began;
    if (victim !== undefined) victim.isLeaving = true;
    const timeout = new AbortController();
    const stopTimer = this.#clock.schedule(this.#limits.modelLoadMaxMs, () =>
      timeout.abort(new ClusterError('engine-failed', `${placement.model} was not loaded in time`)),
    );
    this.#logger.info('model-load-started', { ...facts, insteadOf: victim?.model });
    try {
      if (victim !== undefined) await unload(victim);
      const pins = toPins(placement, began, keepAliveSeconds);
      await link.load({ engineId: placement.engineId, model: placement.model, pins }, timeout.signal);
      const ms = this.#clock.now() - began;
      if (isCold) placement.rates.learnLoad(this.#clock.now(), ms);
      placement.becameResident(this.#clock.now(), pins.numCtx);
      let hasRoom = false;
      const look = () => {
        hasRoom ||= isCold && areTogether(placement, before);
        if (!hasRoom) noteDropped(placement, before, this.#clock.now());
      };
      look();
      for (const afterMs of reportedMs)
        this.#clock.schedule(afterMs, () => {
          look();
          if (pins.keepAliveSeconds === undefined) noteForgotten(placement);
        });
      this.#logger.info('model-loaded', { ...facts, ms: Math.round(ms) });
    } catch (thrown) {
      const error = toClusterError(thrown);
      placement.forgetPins();
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

/** One whose operator named a context is loaded with that, and not with more by habit: only because a client asked. */
function pinContext(placement: ServedPlacement, needs: ResidentNeeds, isCold: boolean): void {
  const { pinnedCtx, numCtx, leastCtx } = placement;
  placement.askedCtx = Math.max(placement.askedCtx, needs.numCtx ?? 0);
  const isNamed = isCold && leastCtx !== undefined;
  const needed = neededCtx(placement, isNamed ? { numCtx: placement.askedCtx } : needs);
  if (needed !== undefined && (isNamed || needed > (pinnedCtx ?? numCtx ?? 0))) placement.pinnedCtx = needed;
}

interface Staying {
  readonly place: ServedPlacement;
  /** When its engine meant to unload it, on the wall clock, when it was last looked at. */
  readonly expiresAt: number;
}

/** Clocks of engines differ from ours, and their reports are seconds old. */
const expirySlackMs = 60_000;

/** Those that are resident now. */
function toStaying(places: readonly ServedPlacement[]): readonly Staying[] {
  const now = Date.now();
  return places
    .filter((place) => place.modelState === 'hot')
    .map((place) => ({ place, expiresAt: now + keptMs(place.served.report, now) }));
}

/** The engine reported them resident beside what was cold before: what goes from now on goes for another reason. */
function areTogether(loaded: ServedPlacement, before: readonly Staying[]): boolean {
  return [loaded, ...before.map(({ place }) => place)].every(({ served }) => served.report.state === 'hot');
}

/**
 * An engine that drops a model by itself when another is loaded has no room for one more. One that clients stopped is no such, nor
 * one whose time was over.
 */
function noteDropped(loaded: ServedPlacement, before: readonly Staying[], now: number): void {
  if (loaded.modelState !== 'hot' || !before.some(wasDropped)) return;
  const left = [...loaded.neighbours()].filter((other) => other.modelState === 'hot');
  loaded.room.dropped(now, left.length + 1);
}

function wasDropped({ place, expiresAt }: Staying): boolean {
  return place.modelState === 'cold' && !place.wasToldToGo && expiresAt > Date.now() + expirySlackMs;
}

/** It is gone already, though nobody sent it away: its engine keeps nothing that it was not asked to keep. */
function noteForgotten(loaded: ServedPlacement): void {
  if (loaded.modelState === 'cold' && !loaded.wasToldToGo && !loaded.isLeaving) loaded.room.isForgetful = true;
}

/** An engine that refuses makes room by itself, or refuses the load. */
async function unload(placement: ServedPlacement): Promise<void> {
  placement.forgetPins();
  placement.wasToldToGo = true;
  const { link } = placement.served.engine.node;
  await link?.unload({ engineId: placement.engineId, model: placement.model, pins: {} }).catch(() => {});
}
