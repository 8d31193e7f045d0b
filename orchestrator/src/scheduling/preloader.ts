import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { ModelSettings } from '../cluster/model-settings.ts';
import type { NodeRegistry } from '../cluster/node-registry.ts';
import { choose } from './choose.ts';
import { exclusion } from './eligibility.ts';
import { findRoom } from './eviction.ts';
import { toResident } from './held-job.ts';
import { type ChoosableJob, isHotFor } from './placement.ts';
import type { Scheduler } from './scheduler.ts';
import { ServedPlacement } from './served-placement.ts';

export interface PreloaderDeps {
  readonly registry: Pick<NodeRegistry, 'places'>;
  readonly scheduler: Pick<Scheduler, 'placement' | 'preload'>;
  readonly settings: ModelSettings;
  /** Nodes that should be there have not come yet: the best place may be one of theirs. */
  readonly awaitsNodes: () => boolean;
  readonly clock: Clock;
}

const everyMs = 1_000;
/** Nodes that should be there are waited for this long. */
const waitMaxMs = 5_000;
/** A model that was used in this time is in use: Ollama keeps it as long. */
const inUseMs = 300_000;
/** After a load that failed, twice as long after each further one. */
const firstPauseMs = 10_000;
const longestPauseMs = 600_000;

/**
 * Keeps the models loaded whose operator wants that, on as many nodes as he says. A model that clients sent away stays away, and what is
 * in use is not unloaded for it: it is looked again each second.
 */
export class Preloader {
  readonly #deps: PreloaderDeps;
  readonly #startedAt: number;
  readonly #failures = new WeakMap<ServedPlacement, { readonly count: number; readonly retryAt: number }>();
  #cancelTimer: () => void = () => {};

  constructor(deps: PreloaderDeps) {
    this.#deps = deps;
    this.#startedAt = deps.clock.now();
  }

  start(): void {
    this.#cancelTimer = this.#deps.clock.schedule(everyMs, () => {
      this.#look();
      this.start();
    });
  }

  stop(): void {
    this.#cancelTimer();
  }

  #look(): void {
    const { settings, awaitsNodes, clock } = this.#deps;
    for (const [key, { preload }] of settings.all) {
      if (preload === 0) continue;
      if (clock.now() - this.#startedAt < waitMaxMs && awaitsNodes()) return;
      this.#keepLoaded(key, preload);
    }
  }

  #keepLoaded(key: string, count: number): void {
    const { registry, scheduler, clock } = this.#deps;
    const now = clock.now();
    const wish = { ...toResident({ ...anyWish, targets: [key] }, now), ...usualWork };
    const places = registry.places(key).map((served) => scheduler.placement(served));
    const usable = places.filter((place) => exclusion(place, wish, now) === undefined);
    const nodes = new Set(usable.filter((place) => isThere(place, wish)).map(({ node }) => node));
    while (nodes.size < count) {
      const open = usable.filter((place) => !nodes.has(place.node) && this.#mayLoad(place, now));
      const { place } = choose(open, wish, now);
      if (!(place instanceof ServedPlacement)) return;
      nodes.add(place.node);
      this.#load(place);
    }
  }

  #mayLoad(place: ServedPlacement, now: number): boolean {
    if (place.wasSentAway || now < (this.#failures.get(place)?.retryAt ?? 0)) return false;
    // It has too little context: who uses it now is not made to wait for another.
    if (place.modelState === 'hot') return place.running.size === 0;
    const { inMs, victim } = findRoom(place, now);
    return inMs === 0 && (!(victim instanceof ServedPlacement) || !isInUse(victim, now));
  }

  #load(place: ServedPlacement): void {
    this.#deps.scheduler.preload(place).then(
      () => this.#failures.delete(place),
      () => {
        const count = (this.#failures.get(place)?.count ?? 0) + 1;
        const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** (count - 1));
        this.#failures.set(place, { count, retryAt: this.#deps.clock.now() + pauseMs });
      },
    );
  }
}

/** What will be asked of it: where that is done soonest it fits best. */
const usualWork = { promptTokens: 500, maxTokens: undefined };
const anyWish = { onlyNode: undefined, numCtx: undefined, keepAliveSeconds: undefined, needs: [] };

function isThere(place: ServedPlacement, wish: ChoosableJob): boolean {
  return isHotFor(place, wish) || place.loadingSince !== undefined || place.modelState === 'loading';
}

/** Somebody uses it, did a moment ago, or wants it to stay. */
function isInUse(place: ServedPlacement, now: number): boolean {
  if (place.running.size > 0 || place.keepUntil > now || place.setting.preload > 0) return true;
  return now - Math.max(place.lastBoundAt, place.lastEndedAt, place.residentSince ?? 0) < inUseMs;
}
