import type { NodeIdentity, NodeReport } from '@waggle/shared/cluster/node.ts';
import type { OperationFrame, OperationRequest } from '@waggle/shared/cluster/operation.ts';
import { AcceptTicker } from '@waggle/shared/lane-link/accept-ticker.ts';
import { LaneIds } from '@waggle/shared/lane-link/lane-ids.ts';
import type { LaneLink, LinkEvents, Refusal } from '@waggle/shared/lane-link/lane-link.ts';
import { LaneShares } from '@waggle/shared/lane-link/lane-shares.ts';
import { toLostError, toOperationEnd } from '@waggle/shared/lane-link/link-failures.ts';
import type { ModelCommand, NodeHost } from '@waggle/shared/lane-link/node-host.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import { inProcess } from '../cluster/views.ts';
import { InProcessLane } from './in-process-lane.ts';

interface LinkDeps {
  readonly clock: Clock;
  readonly lanesPerNode: number;
  readonly epoch: number;
}

/** The local node's place in the cluster. Invariant: idle lanes of an engine ≤ its free slots, all lanes ≤ `lanesPerNode`. */
export class InProcessLink implements LaneLink {
  readonly address = inProcess;
  readonly epoch: number;
  readonly #host: NodeHost;
  readonly #events: LinkEvents;
  readonly #deps: LinkDeps;
  readonly #ticker: AcceptTicker;
  readonly #laneIds = new LaneIds();
  readonly #lanes = new Map<string, Set<InProcessLane>>();
  readonly #shares = new LaneShares();
  readonly #end = new AbortController();
  readonly #unsubscribe: (() => void)[] = [];
  readonly #drained = Promise.withResolvers<void>();
  #stopTurn = () => {};
  #operations = 0;
  #isDraining = false;
  #isFitting = false;

  constructor(host: NodeHost, events: LinkEvents, deps: LinkDeps) {
    this.#host = host;
    this.#events = events;
    this.#deps = deps;
    this.epoch = deps.epoch;
    this.#ticker = new AcceptTicker(deps.clock);
  }

  get identity(): NodeIdentity {
    return this.#host.identity;
  }

  get #hasEnded(): boolean {
    return this.#end.signal.aborted;
  }

  /** Joins and opens the lanes before it returns. */
  join(): Refusal | undefined {
    const refusal = this.#events.joined(this, this.#host.reports.current());
    if (refusal !== undefined) {
      this.#end.abort(toLostError(this.identity.name, refusal.message));
      return refusal;
    }
    this.#unsubscribe.push(
      this.#host.reports.subscribe((report) => this.#report(report)),
      this.#host.slots.subscribe(() => this.#fitSoon()),
    );
    this.#fit();
    return undefined;
  }

  async load(model: ModelCommand, signal: AbortSignal): Promise<void> {
    this.#end.signal.throwIfAborted();
    await this.#host.load(model, AbortSignal.any([signal, this.#end.signal]));
  }

  async unload(model: ModelCommand): Promise<void> {
    this.#end.signal.throwIfAborted();
    await this.#host.unload(model);
  }

  async *operate(
    request: OperationRequest,
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): AsyncGenerator<OperationFrame> {
    const either = AbortSignal.any([signal, this.#end.signal]);
    this.#operations++;
    try {
      either.throwIfAborted();
      for await (const frame of this.#host.operate(request, content, either)) {
        either.throwIfAborted();
        yield frame;
      }
    } catch (thrown) {
      if (signal.aborted) throw signal.reason;
      yield toOperationEnd(either.aborted ? either.reason : thrown);
    } finally {
      this.#operations--;
      this.#leaveIfDrained();
    }
  }

  close(reason: string): void {
    if (this.#hasEnded) return;
    this.#end.abort(toLostError(this.identity.name, reason));
    this.#stopTurn();
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    for (const lane of this.#allLanes()) this.#closeLane(lane, reason);
    this.#events.left(this, reason);
    this.#drained.resolve();
  }

  drain(): Promise<void> {
    if (!this.#hasEnded && !this.#isDraining) {
      this.#isDraining = true;
      this.#events.reported(this, { ...this.#host.reports.current(), draining: true });
      this.#fit();
      this.#leaveIfDrained();
    }
    return this.#drained.promise;
  }

  #report(report: NodeReport): void {
    this.#events.reported(this, this.#isDraining ? { ...report, draining: true } : report);
    this.#fitSoon();
  }

  /** Hosts change slots and reports in the middle of their own work: lanes follow when that is done. */
  #fitSoon(): void {
    if (this.#isFitting || this.#hasEnded) return;
    this.#isFitting = true;
    setImmediate(() => {
      this.#isFitting = false;
      if (!this.#hasEnded) this.#fit();
    });
  }

  /** Opens a lane for each free slot that has none and closes idle ones that stand for no slot. */
  #fit(): void {
    const engineIds = this.#host.reports.current().engines.map(({ engineId }) => engineId);
    for (const engineId of [...this.#lanes.keys()]) if (!engineIds.includes(engineId)) this.#closeSurplus(engineId, 0);
    let slots = 0;
    for (const engineId of engineIds) slots += this.#host.slots.total(engineId);
    const shares = slots > this.#deps.lanesPerNode ? this.#share(engineIds) : undefined;
    const targetOf = (engineId: string) => shares?.get(engineId) ?? (shares === undefined ? this.#free(engineId) : 0);
    for (const engineId of engineIds) this.#closeSurplus(engineId, targetOf(engineId));
    const before = this.#countLanes();
    for (const engineId of engineIds) this.#openMissing(engineId, targetOf(engineId));
    if (shares !== undefined && this.#countLanes() > before) this.#fitSoon(); // a turn begins when its lane is seen
  }

  #free(engineId: string): number {
    return this.#isDraining ? 0 : this.#host.slots.free(engineId);
  }

  /** There are fewer lanes than slots. */
  #share(engineIds: readonly string[]): ReadonlyMap<string, number> {
    const { clock, lanesPerNode } = this.#deps;
    const now = clock.now();
    let room = lanesPerNode - this.#countLanes();
    const demands = engineIds.map((engineId) => {
      const idle = this.#standing(engineId).length;
      room += idle;
      return { engineId, idle, busy: this.#lanesOf(engineId).size - idle, wanted: this.#free(engineId) };
    });
    const shares = this.#shares.share(demands, room, now);
    const { nextTurnAt } = this.#shares;
    this.#stopTurn();
    if (nextTurnAt !== undefined) this.#stopTurn = clock.schedule(Math.max(0, nextTurnAt - now), () => this.#fitSoon());
    return shares;
  }

  #closeSurplus(engineId: string, target: number): void {
    const standing = this.#standing(engineId);
    const idle = standing.filter((lane) => !lane.isBusy);
    for (const lane of idle.slice(0, Math.max(0, standing.length - target))) this.#closeLane(lane, 'its slot is gone');
    if (this.#lanes.get(engineId)?.size === 0) this.#lanes.delete(engineId);
  }

  #openMissing(engineId: string, target: number): void {
    const standing = this.#standing(engineId).length;
    const missing = Math.min(target - standing, this.#deps.lanesPerNode - this.#countLanes());
    if (missing <= 0) return;
    const lanes = this.#lanesOf(engineId);
    this.#lanes.set(engineId, lanes);
    for (let count = 0; count < missing && !this.#hasEnded; count++) this.#openLane(engineId, lanes);
  }

  /** Lanes behind which there is a free slot. */
  #standing(engineId: string): readonly InProcessLane[] {
    return [...this.#lanesOf(engineId)].filter((lane) => lane.hasFreeSlot);
  }

  #lanesOf(engineId: string): Set<InProcessLane> {
    return this.#lanes.get(engineId) ?? new Set();
  }

  #openLane(engineId: string, lanes: Set<InProcessLane>): void {
    const lane = new InProcessLane(this.#laneIds.next(), engineId, {
      host: this.#host,
      clock: this.#deps.clock,
      ticker: this.#ticker,
      becameIdle: (idle) => this.#becameIdle(idle),
      broke: (broken, reason) => {
        this.#closeLane(broken, reason);
        this.#fitSoon();
      },
    });
    lanes.add(lane);
    this.#events.laneOpened(this, lane);
  }

  #becameIdle(lane: InProcessLane): void {
    if (!this.#isDraining) {
      this.#fitSoon();
      return;
    }
    this.#closeLane(lane, 'the node drains');
    this.#leaveIfDrained();
  }

  #closeLane(lane: InProcessLane, reason: string): void {
    const lanes = this.#lanes.get(lane.engineId);
    if (lanes?.delete(lane) !== true) return;
    lane.close(reason);
    this.#events.laneClosed(this, lane);
  }

  #leaveIfDrained(): void {
    if (this.#isDraining && this.#operations === 0 && this.#countLanes() === 0) this.close('it drained');
  }

  #allLanes(): InProcessLane[] {
    return [...this.#lanes.values()].flatMap((lanes) => [...lanes]);
  }

  #countLanes(): number {
    let count = 0;
    for (const lanes of this.#lanes.values()) count += lanes.size;
    return count;
  }
}
