import { ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import type { BoundJob } from '../cluster/engine-lanes.ts';
import type { CapacityListener, NodeRegistry } from '../cluster/node-registry.ts';
import type { ServedModel } from '../cluster/served-model.ts';
import { type Choice, choose } from './choose.ts';
import { expectedOutput, remaining, timeToFirstEvent } from './cost.ts';
import type { Decision, Exclusion } from './decision.ts';
import type { HeldJob, Placed } from './held-job.ts';
import { HoldQueue } from './hold-queue.ts';
import { ModelLoader, toKeepUntil, toPins } from './model-loader.ts';
import { type ChoosableJob, isBindable, neededCtx } from './placement.ts';
import { trustedSamples } from './rates.ts';
import { ServedPlacement } from './served-placement.ts';

export interface SchedulerLimits {
  /** Held jobs, and the bytes of their bodies. */
  readonly queueSize: number;
  readonly heldBytes: number;
  /** Jobs bound at once over the whole cluster; undefined: as many as there are lanes. */
  readonly concurrency: number | undefined;
  readonly modelLoadMaxMs: number;
}

/** A job that nothing can take now, though something could a moment ago, is held this long. */
const strandedMaxMs = 10_000;
const loadFailureRestMs = 2_000;

/**
 * Holds jobs until a lane is free where they are done soonest, and reserves it in the same tick. Sole owner of the hold queue
 * and of what is learned about each place; see design.md beside this file.
 */
export class Scheduler implements CapacityListener {
  readonly #registry: NodeRegistry;
  readonly #limits: SchedulerLimits;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #queue = new HoldQueue<HeldJob>();
  readonly #placements = new WeakMap<ServedModel, ServedPlacement>();
  readonly #running = new Set<Placed>();
  readonly #loader: ModelLoader;
  #onProbeDue: (placement: ServedPlacement) => void = () => {};
  #matching = false;
  #matchAgain = false;
  #wake: { readonly at: number; readonly cancel: () => void } | undefined;

  constructor(deps: {
    readonly registry: NodeRegistry;
    readonly limits: SchedulerLimits;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#registry = deps.registry;
    this.#limits = deps.limits;
    this.#clock = deps.clock;
    this.#logger = deps.logger;
    this.#loader = new ModelLoader({ clock: deps.clock, logger: deps.logger, loadMaxMs: deps.limits.modelLoadMaxMs });
    deps.registry.listen(this);
  }

  /** Called when a place has rested after faults and a generation of our own should try it out. */
  onProbeDue(listener: (placement: ServedPlacement) => void): void {
    this.#onProbeDue = listener;
  }

  get heldJobs(): number {
    return this.#queue.size;
  }

  get heldBytes(): number {
    return this.#queue.bytes;
  }

  get runningJobs(): number {
    return this.#running.size;
  }

  held(): Iterable<HeldJob> {
    return this.#queue.jobs();
  }

  placement(served: ServedModel): ServedPlacement {
    let placement = this.#placements.get(served);
    if (placement === undefined) {
      placement = new ServedPlacement(served, (due) => this.#onProbeDue(due));
      this.#placements.set(served, placement);
    }
    return placement;
  }

  /** Places the job at once if it can, else holds it. May call the job back before it returns. */
  hold(job: HeldJob): void {
    if (this.#queue.size === 0) {
      if (this.#place(job)) return;
    }
    if (this.#queue.size >= this.#limits.queueSize || this.#queue.bytes + job.bodyBytes > this.#limits.heldBytes) {
      job.refused(this.#overloaded());
      return;
    }
    this.#queue.add(job);
    this.#match();
  }

  /** The client left while the job was held. */
  drop(job: HeldJob): void {
    this.#queue.remove(job);
  }

  /** Something waits for this model, so it is not to be unloaded. */
  isWanted(key: string): boolean {
    for (const job of this.#queue.jobs()) if (job.targets.includes(key)) return true;
    return false;
  }

  capacityChanged(): void {
    if (this.#queue.size > 0) this.#match();
  }

  /** Makes the model resident where it is cheapest, and keeps it there as long as the client asks. Rejects with a ClusterError. */
  async makeResident(job: Pick<HeldJob, 'targets' | 'onlyNode' | 'numCtx' | 'keepAliveSeconds'>): Promise<void> {
    const now = this.#clock.now();
    const anywhere = {
      ...job,
      promptTokens: 0,
      maxTokens: 0,
      needs: [],
      stream: false,
      heldSince: now,
      tried: new Map(),
      leaveBy: undefined,
    };
    for (const target of job.targets) {
      const { place } = choose(this.#places(target), anywhere, now);
      if (!(place instanceof ServedPlacement)) continue;
      if (job.keepAliveSeconds !== undefined)
        place.keepUntil = Math.max(place.keepUntil, toKeepUntil(job.keepAliveSeconds, now));
      await this.#loader.load(place, neededCtx(place, job));
      return;
    }
    throw new ClusterError('no-node', `no node that has ${job.targets[0] ?? 'it'} can be reached`, {
      details: { retryAfterMs: 5_000 },
    });
  }

  /** Some other place than `except` would take the job this moment. */
  couldPlace(job: HeldJob, except: ServedPlacement): boolean {
    const elsewhere = {
      ...toChoosable(job),
      tried: new Map(job.tried).set(except, Number.POSITIVE_INFINITY),
      leaveBy: 0,
    };
    return job.targets.some((target) => choose(this.#places(target), elsewhere, this.#clock.now()).action === 'bind');
  }

  /** Takes a lane for a job of our own on exactly this place, past the breaker's admission of users. */
  reserve(placement: ServedPlacement, promptTokens: number): Placed | undefined {
    if (!isBindable(placement, { numCtx: undefined })) return undefined;
    const decision: Decision = { reason: 'bound', chosen: -1, candidates: [], heldMs: 0 };
    return this.#reserve(
      placement,
      { promptTokens, maxTokens: 1, stream: false, keepAliveSeconds: undefined },
      decision,
    );
  }

  /** The job was cancelled; its lane is taken until the engine stopped. */
  drain(placed: Placed): void {
    placed.placement.served.engine.lanes.drain(placed.lane);
  }

  /** The lane is free again (or gone). */
  release(placed: Placed): void {
    if (!this.#running.delete(placed)) return;
    placed.placement.served.engine.lanes.release(placed.lane);
    this.capacityChanged();
  }

  /** Nothing is bound there for a while; what waits for it is looked at again then. */
  rest(placement: ServedPlacement, ms: number): void {
    placement.restUntil = Math.max(placement.restUntil, this.#clock.now() + ms);
    this.#wakeAt(placement.restUntil);
  }

  /** Predicted milliseconds until the queue has room again. */
  predictedDrainMs(): number {
    let total = 0;
    let soonest = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    for (const placed of this.#running) {
      const left = remaining(placed.placement, placed.bound, now);
      total += left;
      soonest = Math.min(soonest, left);
    }
    if (this.#running.size === 0) return 1_000;
    const mean = total / this.#running.size;
    return Math.min(300_000, Math.max(1_000, soonest + (this.#queue.size / this.#running.size) * mean));
  }

  #match(): void {
    if (this.#matching) {
      this.#matchAgain = true;
      return;
    }
    this.#matching = true;
    try {
      do {
        this.#matchAgain = false;
        this.#matchOnce();
      } while (this.#matchAgain);
    } finally {
      this.#matching = false;
    }
  }

  #matchOnce(): void {
    const blocked = new Set<string>();
    for (let job = this.#queue.best(blocked); job !== undefined; job = this.#queue.best(blocked)) {
      if (!this.#place(job)) blocked.add(job.line);
    }
  }

  /** True: the job was called back and is no longer held. */
  #place(job: HeldJob): boolean {
    if (this.#running.size >= (this.#limits.concurrency ?? Number.POSITIVE_INFINITY)) return false;
    const now = this.#clock.now();
    const excluded = new Set<Exclusion>();
    for (const target of job.targets) {
      const choice = choose(this.#places(target), job, now);
      if (choice.action === 'none') {
        for (const candidate of choice.decision.candidates)
          if (candidate.excluded !== undefined) excluded.add(candidate.excluded);
        continue;
      }
      job.strandedSince = undefined;
      return this.#follow(job, choice, now);
    }
    return this.#strand(job, excluded, now);
  }

  #places(target: string): ServedPlacement[] {
    return this.#registry.places(target).map((served) => this.placement(served));
  }

  #follow(job: HeldJob, choice: Choice, now: number): boolean {
    const placement = choice.place;
    if (!(placement instanceof ServedPlacement)) return false;
    if (choice.action === 'bind') {
      const placed = this.#reserve(placement, job, choice.decision);
      if (placed === undefined) return false;
      this.#queue.remove(job);
      job.placed(placed);
      return true;
    }
    if (choice.leaveBy !== undefined && job.leaveBy === undefined) job.leaveBy = choice.leaveBy;
    if (job.leaveBy !== undefined) this.#wakeAt(job.leaveBy);
    if (choice.action === 'load') this.#load(placement, job);
    return false;
  }

  #reserve(
    placement: ServedPlacement,
    job: Pick<HeldJob, 'promptTokens' | 'maxTokens' | 'stream' | 'keepAliveSeconds'>,
    decision: Decision,
  ): Placed | undefined {
    const settle = placement.guard.admit();
    if (settle === undefined) return undefined;
    const now = this.#clock.now();
    const others = placement.busyLanes;
    const expectedTokens = expectedOutput(placement, job);
    const bound: BoundJob = {
      served: placement.served,
      boundAt: now,
      promptTokens: job.promptTokens,
      expectedTokens,
      tokensOut: 0,
      firstEventAt: undefined,
    };
    const lane = placement.served.engine.lanes.bind(bound);
    if (lane === undefined) {
      settle('neutral');
      return undefined;
    }
    placement.lastBoundAt = now;
    if (job.keepAliveSeconds !== undefined)
      placement.keepUntil = Math.max(placement.keepUntil, toKeepUntil(job.keepAliveSeconds, now));
    const terms = decision.candidates[decision.chosen]?.terms;
    const totalMs = terms === undefined ? placement.rates.serviceMs : terms.rtt + terms.prefill + terms.decode;
    const firstEventMs = terms === undefined ? totalMs : timeToFirstEvent(job, terms);
    const predicted = { firstEventMs, totalMs, trusted: placement.rates.samples >= trustedSamples };
    const placed: Placed = {
      placement,
      lane,
      decision,
      bound,
      pins: toPins(placement, now),
      predicted,
      others,
      settle,
    };
    this.#running.add(placed);
    return placed;
  }

  /** The job stays held and may still go elsewhere. */
  #load(placement: ServedPlacement, job: HeldJob): void {
    this.#loader
      .load(placement, neededCtx(placement, job))
      .catch((thrown: unknown) => {
        job.tried.set(placement, Number.POSITIVE_INFINITY);
        job.lastError = toClusterError(thrown);
        this.rest(placement, loadFailureRestMs);
      })
      .finally(() => this.capacityChanged());
  }

  /** No place is eligible. True: the job was refused. */
  #strand(job: HeldJob, excluded: ReadonlySet<Exclusion>, now: number): boolean {
    const triedAgainAt = [...job.tried.values()].filter((until) => until > now && Number.isFinite(until));
    const isTransient = transientExclusions.some((exclusion) => excluded.has(exclusion)) || triedAgainAt.length > 0;
    job.strandedSince ??= now;
    const giveUpAt = job.strandedSince + strandedMaxMs;
    if (isTransient && now < giveUpAt) {
      this.#wakeAt(Math.min(giveUpAt, ...triedAgainAt));
      return false;
    }
    this.#queue.remove(job);
    job.refused(job.lastError ?? this.#noPlace(job, excluded));
    return true;
  }

  #noPlace(job: HeldJob, excluded: ReadonlySet<Exclusion>): ClusterError {
    const model = job.targets[0] ?? '';
    if (excluded.has('breaker-open'))
      return new ClusterError('no-node', `every node that has ${model} is failing; they are tried again soon`, {
        details: { retryAfterMs: 6_000 },
      });
    if (excluded.has('resting'))
      return new ClusterError('rate-limited', `every node that has ${model} asked for a pause`, {
        details: { retryAfterMs: 5_000 },
      });
    if (excluded.has('memory'))
      return new ClusterError('unsupported', `${model} does not fit into the memory of any node that has it`);
    return new ClusterError('no-node', `no node that has ${model} can be reached`, {
      details: { retryAfterMs: 5_000 },
    });
  }

  #overloaded(): ClusterError {
    return new ClusterError('overloaded', 'server busy, please try again.  maximum pending requests exceeded', {
      details: { retryAfterMs: this.predictedDrainMs() },
    });
  }

  /** Looks at the queue again no later than `at`. */
  #wakeAt(at: number): void {
    if (this.#wake !== undefined && this.#wake.at <= at) return;
    this.#wake?.cancel();
    const cancel = this.#clock.schedule(Math.max(1, at - this.#clock.now()), () => {
      this.#wake = undefined;
      this.capacityChanged();
    });
    this.#wake = { at, cancel };
  }
}

/** Reasons that may pass by themselves within moments. A closed breaker opens again only after its rest: that is said at once. */
const transientExclusions: readonly Exclusion[] = ['suspect', 'left', 'engine-down', 'resting', 'draining'];

function toChoosable(job: HeldJob): ChoosableJob {
  const { promptTokens, maxTokens, numCtx, needs, stream, heldSince, tried, leaveBy, onlyNode } = job;
  return { promptTokens, maxTokens, numCtx, needs, stream, heldSince, tried, leaveBy, onlyNode };
}
