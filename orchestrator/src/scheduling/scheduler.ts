import { type ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import type { ClusterNode } from '../cluster/cluster-node.ts';
import { ModelSettings } from '../cluster/model-settings.ts';
import type { CapacityListener, NodeRegistry } from '../cluster/node-registry.ts';
import type { ServedModel } from '../cluster/served-model.ts';
import { Alarm } from './alarm.ts';
import { type Choice, type Claims, choose, noClaims } from './choose.ts';
import { type Decision, type Exclusion, noteExcluded } from './decision.ts';
import { isForWantOfCapability } from './eligibility.ts';
import { findRefusing } from './engine-refusals.ts';
import { fairShareEndsAt, findRoom } from './eviction.ts';
import { type HeldJob, type Placed, type ResidentWish, toElsewhere, toResident, triedAgainAt } from './held-job.ts';
import { HoldQueue } from './hold-queue.ts';
import { hasNoLanes, lanelessLookMs, refusalThere } from './laneless.ts';
import { MatchPass } from './match-pass.ts';
import { ModelLoader } from './model-loader.ts';
import { isFree, type Placement } from './placement.ts';
import { countPassedOver, Placements } from './placements.ts';
import { isSoonServed, preferredWaitMs, startsIn } from './preferred-model.ts';
import { toNoPlaceError, toOverloadedError } from './refusals.ts';
import { predictDrain } from './remaining.ts';
import { Reservations } from './reservations.ts';
import type { SchedulerLimits } from './scheduler-limits.ts';
import { ServedPlacement } from './served-placement.ts';
import { StrandedLines } from './stranded.ts';

const loadFailureRestMs = 2_000;
/** Credentials that were refused are tried again after this, by one job of a user. */
const rejectedMs = 60_000;
/** Room for a model is looked for again no sooner than this. */
const leastRoomWaitMs = 50;
/** A model that makes room stops taking jobs until its last one should have ended, and this much longer. */
const yieldMs = 1_000;

/**
 * What came of a look at a job. `gone`: it was called back. `closed`: neither it nor another of its line can be placed.
 * `full`: nothing may be bound at all. A place: it waits for that one, a later job of its line may go elsewhere.
 */
type Outcome = 'gone' | 'closed' | 'full' | Placement;

/**
 * Holds jobs until a lane is free where they are done soonest, and reserves it in the same tick. Sole owner of the hold queue
 * and of what is learned about each place; see design.md beside this file.
 */
export class Scheduler implements CapacityListener {
  readonly #limits: SchedulerLimits;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #queue = new HoldQueue<HeldJob>();
  readonly #placements: Placements;
  readonly #reservations: Reservations;
  /** Lines of which nothing can be placed until something changes. */
  #closed = new Set<string>();
  /** Lines whose jobs nothing at all can take. */
  readonly #stranded = new StrandedLines();
  readonly #loader: ModelLoader;
  /** Looks at the queue again in time. */
  readonly #alarm: Alarm;
  #onProbeDue: (placement: ServedPlacement) => void = () => {};
  #matching = false;
  #matchAgain = false;

  constructor(deps: {
    readonly registry: NodeRegistry;
    readonly limits: SchedulerLimits;
    /** What operators want of models; nothing unless told. */
    readonly settings?: ModelSettings;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#limits = deps.limits;
    this.#clock = deps.clock;
    this.#reservations = new Reservations(deps.clock);
    this.#logger = deps.logger;
    this.#alarm = new Alarm(deps.clock, () => this.capacityChanged());
    this.#placements = new Placements(deps.registry, {
      settings: deps.settings ?? new ModelSettings(),
      onProbeDue: (placement) => this.#onProbeDue(placement),
      onHealed: () => this.capacityChanged(),
    });
    this.#loader = new ModelLoader(deps);
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
    return this.#reservations.size;
  }

  held(): Iterable<HeldJob> {
    return this.#queue.jobs();
  }

  placement(served: ServedModel): ServedPlacement {
    return this.#placements.of(served);
  }

  /** Places the job at once if it can, else holds it if there is room. May call the job back before it returns. */
  hold(job: HeldJob): void {
    this.#hold(job, true);
  }

  /** A job that lost its place: it was taken in before, so it is held however full the queue is. Lanes bound how many there are. */
  holdAgain(job: HeldJob): void {
    this.#hold(job, false);
  }

  #hold(job: HeldJob, isNew: boolean): void {
    // Of a line that is stranded each job is looked at for itself: it may be refused at once.
    const isLookedAt = this.#queue.size === 0 || this.#stranded.has(job.line);
    const outcome = isLookedAt ? this.#place(job, noClaims) : undefined;
    if (outcome === 'gone') return;
    const isFull = this.#queue.requestsWith(job) > this.#limits.queueSize;
    if (isNew && (isFull || this.#queue.bytes + job.bodyBytes > this.#limits.heldBytes)) {
      job.refused(toOverloadedError(this.predictedDrainMs()));
      return;
    }
    this.#queue.add(job);
    if (outcome === 'closed') this.#closed.add(job.line);
    else if (outcome === undefined && !this.#closed.has(job.line)) this.#match();
  }

  /** The client left while the job was held; what it waited for may be another's now. */
  drop(job: HeldJob): void {
    if (this.#queue.remove(job)) this.capacityChanged();
  }

  /** Something waits for this model, so it is not to be unloaded. */
  isWanted(key: string): boolean {
    for (const job of this.#queue.jobs()) if (job.targets.includes(key)) return true;
    return false;
  }

  capacityChanged(): void {
    if (this.#closed.size > 0) this.#closed = new Set();
    if (this.#queue.size > 0) this.#match();
    else if (this.#stranded.size > 0) this.#stranded.clear();
  }

  nodeLeft(node: ClusterNode): void {
    this.#placements.closeBreakers(node);
    this.capacityChanged();
  }

  /** Makes the model resident on the node where that is cheapest, and keeps it there as long as the client asks. Rejects with a ClusterError. */
  async makeResident(job: ResidentWish): Promise<string> {
    const now = this.#clock.now();
    const excluded = new Set<Exclusion>();
    for (const target of job.targets) {
      const { place, decision } = choose(this.#placements.withModel(target), toResident(job, now), now);
      noteExcluded(decision, excluded);
      if (!(place instanceof ServedPlacement)) continue;
      place.keepFor(job.keepAliveSeconds, now);
      await this.#loader.load(place, job, job.keepAliveSeconds);
      return place.node;
    }
    throw toNoPlaceError(job.targets[0] ?? 'it', excluded);
  }

  /** Loads the model on exactly this place before anybody asks for it; it stays as long as its operator says, else for ever. Rejects with a ClusterError. */
  async preload(placement: ServedPlacement): Promise<void> {
    const { keepAliveMs } = placement.setting;
    await this.#loader.load(placement, { numCtx: undefined }, keepAliveMs === undefined ? -1 : undefined);
    this.capacityChanged();
  }

  /** Some other place than `except` would take the job this moment. */
  couldPlace(job: HeldJob, except: ServedPlacement): boolean {
    const elsewhere = toElsewhere(job, except);
    return job.targets.some(
      (target) => choose(this.#placements.withModel(target), elsewhere, this.#clock.now()).action === 'bind',
    );
  }

  /** Takes a lane for a job of our own on exactly this place, past the breaker's admission of users. */
  reserve(placement: ServedPlacement, promptTokens: number): Placed | undefined {
    if (!isFree(placement) || placement.modelState !== 'hot' || placement.loadingSince !== undefined) return undefined;
    const decision: Decision = { reason: 'bound', chosen: -1, candidates: [], heldMs: 0 };
    return this.#reservations.reserve(
      placement,
      { promptTokens, maxTokens: 1, stream: false, keepAliveSeconds: undefined },
      decision,
    );
  }

  /** The job was cancelled; its lane is taken until the engine stopped. */
  drain(placed: Placed): void {
    placed.placement.served.engine.lanes.drain(placed.lane);
  }

  /** The lane broke under the job: nothing more is bound to it. */
  lose(placed: Placed): void {
    if (this.#reservations.lose(placed)) this.capacityChanged();
  }

  /** The lane is free again (or gone). */
  release(placed: Placed): void {
    if (this.#reservations.release(placed)) this.capacityChanged();
  }

  /** Nothing is bound there for a while; `error` is what a client hears that cannot wait for it. What waits for it is looked at again then. */
  rest(placement: ServedPlacement, ms: number, error: ClusterError): void {
    const until = this.#clock.now() + ms;
    if (until <= placement.restUntil) return;
    placement.restUntil = until;
    placement.restError = error;
    this.#clock.schedule(ms, () => this.capacityChanged());
  }

  /**
   * The engine refused our credentials, and nothing is sent there until it was away, its node joins anew, or a minute has passed; or it
   * refused one `request`, which is shown for as long.
   */
  reject({ served: { engine }, model }: ServedPlacement, error: ClusterError, scope: 'engine' | 'request'): void {
    if (!engine.reject(error, scope === 'engine' ? undefined : model)) return;
    const { problem } = engine.report;
    this.#logger.warn('engine-rejected', { node: engine.node.name, engineId: engine.engineId, problem });
    this.#clock.schedule(rejectedMs, () => {
      if (engine.admit(error)) this.capacityChanged();
    });
  }

  /** Predicted milliseconds until the queue has room again. */
  predictedDrainMs(): number {
    return predictDrain(this.#reservations, this.#queue.size, this.#clock.now());
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
    using pass = new MatchPass(this.#queue);
    for (let job = pass.next(); job !== undefined; job = pass.next()) {
      const outcome = this.#place(job, pass.claims);
      if (outcome === 'full') return;
      if (outcome === 'gone') {
        pass.placed(job);
      } else if (outcome === 'closed') {
        pass.block(job);
        this.#closed.add(job.line);
      } else {
        pass.passOver(job, outcome);
      }
    }
  }

  #place(job: HeldJob, claims: Claims): Outcome {
    if (this.#reservations.size >= (this.#limits.concurrency ?? Number.POSITIVE_INFINITY)) return 'full';
    const now = this.#clock.now();
    const excluded = new Set<Exclusion>();
    let held: Choice | undefined;
    for (const target of job.targets) {
      const places = this.#placements.withModel(target);
      const choice = choose(places, job, now, claims);
      if (choice.action === 'none') {
        noteExcluded(choice.decision, excluded);
        continue;
      }
      if (choice.action === 'bind') {
        this.#stranded.forget(job.line);
        countPassedOver(places, choice.decision);
        return this.#follow(job, choice, now, claims);
      }
      if (held === undefined || startsIn(choice) + preferredWaitMs < startsIn(held)) held = choice;
      if (job.targets.length > 1 && isSoonServed(choice, job, now)) {
        this.#alarm.setFor(job.heldSince + preferredWaitMs);
        break;
      }
    }
    if (held === undefined) return this.#strand(job, excluded, now);
    this.#stranded.forget(job.line);
    return this.#follow(job, held, now, claims);
  }

  #follow(job: HeldJob, choice: Choice, now: number, claims: Claims): Outcome {
    const placement = choice.place;
    if (!(placement instanceof ServedPlacement)) return 'closed';
    if (choice.action === 'bind') {
      const placed = this.#reservations.reserve(placement, job, choice.decision);
      if (placed === undefined) return 'closed';
      this.#queue.remove(job);
      job.placed(placed);
      return 'gone';
    }
    const refusal = refusalThere(job, choice.action, placement, now);
    if (refusal !== undefined) {
      this.#exclude(job, placement, refusal);
      return this.#place(job, claims);
    }
    job.leaveBy ??= choice.leaveBy;
    this.#alarm.setFor(Math.min(job.leaveBy ?? Number.POSITIVE_INFINITY, ...triedAgainAt(job, now)));
    if (choice.action === 'load') this.#load(placement, job);
    else if (placement.modelState === 'cold') this.#awaitRoom(placement, job, now);
    else if (hasNoLanes(placement)) this.#alarm.setFor(now + lanelessLookMs);
    return choice.isOpen ? placement : 'closed';
  }

  /** The engine has no room for the model now. After a fair time the one that has to go gets nothing new, so that it ends. */
  #awaitRoom(placement: ServedPlacement, job: HeldJob, now: number): void {
    const { inMs, victim } = findRoom(placement, now);
    const fairAt = victim === undefined ? Number.POSITIVE_INFINITY : fairShareEndsAt(victim, job);
    if (victim instanceof ServedPlacement && now >= fairAt && !victim.isYielding) {
      victim.isYielding = true;
      this.#clock.schedule(inMs + yieldMs, () => {
        victim.isYielding = false;
        this.capacityChanged();
      });
    }
    this.#alarm.setFor(now + Math.max(leastRoomWaitMs, inMs));
    if (fairAt > now) this.#alarm.setFor(fairAt);
  }

  /** The job stays held and may still go elsewhere. */
  #load(placement: ServedPlacement, job: HeldJob): void {
    this.#loader
      .load(placement, job)
      .catch((thrown: unknown) => {
        const error = toClusterError(thrown);
        this.#exclude(job, placement, error);
        this.rest(placement, loadFailureRestMs, error);
      })
      .finally(() => this.capacityChanged());
  }

  /** That place is nothing for the job; another may be. */
  #exclude(job: HeldJob, placement: ServedPlacement, error: ClusterError): void {
    const wasHeld = this.#queue.remove(job);
    job.exclude(placement, Number.POSITIVE_INFINITY, error);
    if (wasHeld) this.#queue.add(job);
  }

  /** No place is eligible: the job is refused, unless that may pass soon. */
  #strand(job: HeldJob, excluded: ReadonlySet<Exclusion>, now: number): Outcome {
    if (isForWantOfCapability(excluded)) {
      this.#refuseIncapable(job, now);
      return 'gone';
    }
    const places = this.#placements.withModels(job.targets);
    const verdict = this.#stranded.judge(job, places, excluded, now);
    if (verdict.error !== undefined) {
      this.#refuse(job, verdict.error);
      return 'gone';
    }
    this.#alarm.setFor(verdict.lookAt);
    if (verdict.opensLater) {
      for (const other of this.#queue.jobs()) {
        if (other === job || other.line !== job.line) continue;
        const { error } = this.#stranded.judge(other, places, excluded, now);
        if (error !== undefined) this.#refuse(other, error);
      }
    }
    return 'closed';
  }

  /** Every engine would refuse it: one that need not load anything says so itself, else the client is told without any. */
  #refuseIncapable(job: HeldJob, now: number): void {
    const places = this.#placements.withModels(job.targets);
    const refusal = findRefusing(places, job, now);
    if (refusal === undefined) return this.#refuse(job, toNoPlaceError(job.model));
    const { place, need, saysSo } = refusal;
    const { decision } = choose(places, job, now);
    const because: Decision = { ...decision, reason: 'incapable', chosen: places.indexOf(place) };
    const placed = saysSo ? this.#reservations.reserve(place, job, because) : undefined;
    if (placed === undefined) return this.#refuse(job, job.lastError ?? job.lacks(place, need));
    this.#queue.remove(job);
    job.placed(placed);
  }

  #refuse(job: HeldJob, error: ClusterError): void {
    this.#queue.remove(job);
    job.refused(error);
  }
}
