import { AcceptTicker } from '@waggle/shared/lane-link/accept-ticker.ts';
import { LaneShares } from '@waggle/shared/lane-link/lane-shares.ts';
import type { NodeHost } from '@waggle/shared/lane-link/node-host.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { SessionClaim } from '@waggle/shared/wire/session-metadata.ts';
import type { Backoff } from './backoff.ts';
import { LaneConnections } from './lane-connections.ts';
import { toIdleTarget } from './lane-target.ts';
import { type LaneOwner, NodeLane } from './node-lane.ts';

interface PoolDeps {
  readonly host: NodeHost;
  readonly target: string;
  readonly clock: Clock;
  readonly beatMs: number;
  readonly lanesPerNode: number;
  readonly claim: (connection: number) => SessionClaim;
  readonly backoff: Backoff;
  /** Called whenever a lane closed. */
  readonly changed: () => void;
}

interface EngineLanes {
  /** Open without a job, or about to open. */
  readonly idle: Set<NodeLane>;
  readonly busy: Set<NodeLane>;
  /** Given back, waiting for the orchestrator to close them. */
  readonly retiring: Set<NodeLane>;
  /** Since when there have been more idle lanes than are worth keeping. */
  surplusSince: number | undefined;
  /** Idle lanes there should be. */
  target: number;
}

/** Idle lanes beyond what is worth keeping are closed when they were not needed for this long. */
const surplusMaxMs = 30_000;

/**
 * The lanes of a session. Invariant: idle lanes of an engine ≤ its free slots, as soon as the event loop's turn in which
 * those changed is over; all lanes ≤ `lanesPerNode`. Where that is too few, no engine goes without (`LaneShares`).
 */
export class LanePool implements LaneOwner {
  readonly host: NodeHost;
  readonly ticker: AcceptTicker;
  readonly #deps: PoolDeps;
  readonly #connections: LaneConnections;
  readonly #engines = new Map<string, EngineLanes>();
  readonly #shares = new LaneShares();
  #stopTurn = () => {};
  #engineIds: readonly string[] = [];
  #laneCount = 0;
  #isDraining = false;
  #isClosed = false;
  #isFitting = false;
  /** Opening failed lately. */
  #isHoldingBack = false;

  constructor(deps: PoolDeps) {
    this.#deps = deps;
    this.host = deps.host;
    this.ticker = new AcceptTicker(deps.clock);
    this.#connections = new LaneConnections(deps);
  }

  /** Lanes that are not closed yet. */
  get count(): number {
    return this.#laneCount;
  }

  /** The engines of the latest report. */
  setEngines(engineIds: readonly string[]): void {
    this.#engineIds = engineIds;
    this.fitSoon();
  }

  /** No idle lanes from now on. The orchestrator closes a busy one when it has read how its job ended. */
  drain(): void {
    this.#isDraining = true;
    this.#fit();
    for (const { busy } of this.#engines.values()) for (const lane of busy) lane.retire();
  }

  /** Cuts every lane; jobs on them are cancelled. */
  close(): void {
    this.#isClosed = true;
    this.#stopTurn();
    for (const { idle, busy, retiring } of this.#engines.values()) {
      for (const lane of [...idle, ...busy, ...retiring]) lane.cut();
    }
    this.#connections.close();
  }

  /** Hosts change slots in the middle of their own work: lanes follow when that is done. */
  fitSoon(): void {
    if (this.#isFitting || this.#isClosed) return;
    this.#isFitting = true;
    setImmediate(this.#fitNow);
  }

  opened(): void {
    this.#deps.backoff.reset();
  }

  bound(lane: NodeLane): void {
    const lanes = this.#lanesOf(lane.engineId);
    lanes.idle.delete(lane);
    lanes.retiring.delete(lane);
    lanes.busy.add(lane);
    this.fitSoon();
  }

  freed(lane: NodeLane): void {
    const lanes = this.#lanesOf(lane.engineId);
    lanes.busy.delete(lane);
    (lane.isRetiring ? lanes.retiring : lanes.idle).add(lane);
    this.fitSoon();
  }

  closed(lane: NodeLane): void {
    const lanes = this.#lanesOf(lane.engineId);
    lanes.idle.delete(lane);
    lanes.busy.delete(lane);
    lanes.retiring.delete(lane);
    this.#laneCount--;
    this.#connections.forget(lane);
    if (!lane.hasOpened && !this.#isClosed) this.#openLater();
    this.fitSoon();
    this.#deps.changed();
  }

  readonly #fitNow = (): void => {
    this.#isFitting = false;
    if (!this.#isClosed) this.#fit();
  };

  #fit(): void {
    let claimed = 0;
    for (const [engineId, lanes] of this.#engines) {
      claimed += lanes.busy.size;
      if (this.#engineIds.includes(engineId)) continue;
      this.#retire(lanes, lanes.idle.size);
      if (lanes.busy.size + lanes.retiring.size === 0) this.#engines.delete(engineId);
    }
    for (const engineId of this.#engineIds) {
      const lanes = this.#lanesOf(engineId);
      const free = this.#isDraining ? 0 : this.host.slots.free(engineId);
      if (lanes.idle.size > free) this.#retire(lanes, lanes.idle.size - free);
      lanes.target = toIdleTarget({ free, busy: lanes.busy.size });
      claimed += Math.max(lanes.target, lanes.idle.size);
    }
    if (claimed > this.#deps.lanesPerNode) this.#fitShares();
    else for (const engineId of this.#engineIds) this.#fitEngine(engineId, this.#lanesOf(engineId));
  }

  #fitEngine(engineId: string, lanes: EngineLanes): void {
    if (lanes.idle.size > lanes.target) {
      this.#retireOldSurplus(lanes);
    } else {
      lanes.surplusSince = undefined;
      this.#openMissing(engineId, lanes);
    }
  }

  /** There are not lanes enough for all: what is over an engine's share is taken back at once. */
  #fitShares(): void {
    const { clock, lanesPerNode } = this.#deps;
    const now = clock.now();
    let room = lanesPerNode;
    for (const { busy } of this.#engines.values()) room -= busy.size;
    const demands = this.#engineIds.map((engineId) => {
      const { idle, busy, target } = this.#lanesOf(engineId);
      return { engineId, idle: idle.size, busy: busy.size, wanted: target };
    });
    const shares = this.#shares.share(demands, room, now);
    for (const engineId of this.#engineIds) {
      const lanes = this.#lanesOf(engineId);
      lanes.surplusSince = undefined;
      lanes.target = shares.get(engineId) ?? 0;
      if (lanes.idle.size > lanes.target) this.#retire(lanes, lanes.idle.size - lanes.target);
    }
    const before = this.#laneCount;
    for (const engineId of this.#engineIds) this.#openMissing(engineId, this.#lanesOf(engineId));
    if (this.#laneCount > before) this.fitSoon(); // a turn begins when its lane is seen
    const { nextTurnAt } = this.#shares;
    this.#stopTurn();
    if (nextTurnAt !== undefined) this.#stopTurn = clock.schedule(Math.max(0, nextTurnAt - now), () => this.fitSoon());
  }

  #openMissing(engineId: string, lanes: EngineLanes): void {
    if (this.#isHoldingBack) return;
    while (lanes.idle.size < lanes.target && this.#laneCount < this.#deps.lanesPerNode) this.#open(engineId, lanes);
  }

  #retireOldSurplus(lanes: EngineLanes): void {
    const now = this.#deps.clock.now();
    if (lanes.surplusSince === undefined) {
      lanes.surplusSince = now;
      this.#deps.clock.schedule(surplusMaxMs, () => this.fitSoon());
    } else if (now - lanes.surplusSince >= surplusMaxMs) {
      lanes.surplusSince = undefined;
      this.#retire(lanes, lanes.idle.size - lanes.target);
    }
  }

  /** From the emptiest connections first, so that those can close. */
  #retire(lanes: EngineLanes, count: number): void {
    const byRoom = [...lanes.idle].sort((a, b) => this.#connections.neighbours(a) - this.#connections.neighbours(b));
    for (const lane of byRoom.slice(0, count)) {
      lanes.idle.delete(lane);
      lanes.retiring.add(lane);
      lane.retire();
    }
  }

  #open(engineId: string, lanes: EngineLanes): void {
    this.#laneCount++;
    lanes.idle.add(this.#connections.open(engineId, (call) => new NodeLane(engineId, call, this)));
  }

  /** A lane was refused, or its connection could not be made: not again at once. */
  #openLater(): void {
    if (this.#isHoldingBack) return;
    this.#isHoldingBack = true;
    this.#deps.clock.schedule(this.#deps.backoff.next(), () => {
      this.#isHoldingBack = false;
      this.fitSoon();
    });
  }

  #lanesOf(engineId: string): EngineLanes {
    const known = this.#engines.get(engineId);
    if (known !== undefined) return known;
    const lanes: EngineLanes = {
      idle: new Set(),
      busy: new Set(),
      retiring: new Set(),
      surplusSince: undefined,
      target: 0,
    };
    this.#engines.set(engineId, lanes);
    return lanes;
  }
}
