/** What an engine has, and should have, of the lanes of its node. */
export interface LaneDemand {
  readonly engineId: string;
  /** Lanes without a job. */
  readonly idle: number;
  readonly busy: number;
  /** Idle lanes it should have; 0 where it has no free slot. */
  readonly wanted: number;
}

/** An engine keeps its only lane this long while others wait for one. Short for a person, long for the opening of a lane. */
const turnMs = 1_000;

interface Turn {
  /** Since when it has had a lane; undefined while it waits. */
  heldSince: number | undefined;
  /** In the order in which turns began, or ended where it waits. */
  number: number;
}

/** Who comes first to an idle lane. One with a job on its lane is served, and has no second one while others have none. */
const claimRank = { inTurn: 0, waiting: 1, overdue: 2, second: 3, served: 4 } as const;

interface Claim {
  readonly demand: LaneDemand;
  readonly turn: Turn;
  readonly rank: (typeof claimRank)[keyof typeof claimRank];
}

/**
 * Shares out lanes when a node may have fewer than its engines want: every engine with a free slot has one idle lane before
 * any has a second, and where there are fewer lanes than engines they take turns. An orchestrator takes an engine without an
 * idle lane for a busy one and lets its jobs wait: what waits for a lane comes to have one, whatever the others do.
 */
export class LaneShares {
  readonly #turns = new Map<string, Turn>();
  #lastNumber = 0;
  #nextTurnAt: number | undefined;

  /** When the shares change by themselves; undefined: not before something happens. */
  get nextTurnAt(): number | undefined {
    return this.#nextTurnAt;
  }

  /**
   * Idle lanes for each engine that wants some; together no more than `room`. To be asked again when lanes were opened: a turn
   * begins when its lane is seen.
   */
  share(demands: readonly LaneDemand[], room: number, now: number): ReadonlyMap<string, number> {
    const wanting = demands.filter(({ wanted }) => wanted > 0);
    this.#nextTurnAt = undefined;
    if (room >= wanting.length) return spread(wanting, room);
    this.#follow(demands, now);
    return this.#takeTurns(wanting, room, now);
  }

  /** A turn goes on while a job has its lane, also where that was the engine's last slot. */
  #follow(demands: readonly LaneDemand[], now: number): void {
    const gone = new Set(this.#turns.keys());
    for (const demand of demands) {
      if (demand.idle + demand.busy + demand.wanted === 0) continue;
      gone.delete(demand.engineId);
      this.#turn(demand, now);
    }
    for (const engineId of gone) this.#turns.delete(engineId);
  }

  #takeTurns(wanting: readonly LaneDemand[], room: number, now: number): ReadonlyMap<string, number> {
    const order = wanting.map((demand) => this.#toClaim(demand, now)).sort(compareClaims);
    const [served, unserved] = [order.slice(0, Math.max(0, room)), order.slice(Math.max(0, room))];
    for (const { demand, turn } of unserved) if (demand.idle > 0) this.#endTurn(turn);
    if (unserved.some(({ demand }) => demand.busy === 0)) {
      for (const { rank, turn } of served) if (rank === claimRank.overdue) turn.heldSince = now;
      const starts = served.map(({ turn }) => turn.heldSince ?? now);
      if (starts.length > 0) this.#nextTurnAt = Math.min(...starts) + turnMs;
    }
    return new Map(served.map(({ demand }) => [demand.engineId, 1]));
  }

  #toClaim(demand: LaneDemand, now: number): Claim {
    const turn = this.#turn(demand, now);
    const { idle, busy } = demand;
    if (busy > 0) return { demand, turn, rank: idle > 0 ? claimRank.second : claimRank.served };
    if (idle === 0) return { demand, turn, rank: claimRank.waiting };
    const isOver = now - (turn.heldSince ?? now) >= turnMs;
    return { demand, turn, rank: isOver ? claimRank.overdue : claimRank.inTurn };
  }

  #turn({ engineId, idle, busy }: LaneDemand, now: number): Turn {
    const known = this.#turns.get(engineId);
    const turn = known ?? { heldSince: undefined, number: 0 };
    if (known === undefined) this.#turns.set(engineId, turn);
    const hasLane = idle + busy > 0;
    if (hasLane && turn.heldSince === undefined) this.#change(turn, now);
    else if (!hasLane && (known === undefined || turn.heldSince !== undefined)) this.#endTurn(turn);
    return turn;
  }

  #endTurn(turn: Turn): void {
    this.#change(turn, undefined);
  }

  #change(turn: Turn, heldSince: number | undefined): void {
    this.#lastNumber++;
    turn.heldSince = heldSince;
    turn.number = this.#lastNumber;
  }
}

/** One for each, then a second for each, and so on; who has a lane already keeps it before others get one more. */
function spread(wanting: readonly LaneDemand[], room: number): ReadonlyMap<string, number> {
  const shares = new Map(wanting.map(({ engineId }) => [engineId, 1]));
  let left = room - wanting.length;
  for (let count = 2; left > 0; count++) {
    const rest = wanting.filter(({ wanted }) => wanted >= count);
    if (rest.length === 0) break;
    rest.sort((one, other) => Number(other.idle >= count) - Number(one.idle >= count));
    for (const { engineId } of rest.slice(0, left)) shares.set(engineId, count);
    left -= Math.min(left, rest.length);
  }
  return shares;
}

/** Of those that wait, who has waited longest comes first; of those whose turn is over, who had it longest gives up first. */
function compareClaims(one: Claim, other: Claim): number {
  if (one.rank !== other.rank) return one.rank - other.rank;
  if (one.rank === claimRank.waiting) return one.turn.number - other.turn.number;
  return one.rank === claimRank.overdue ? other.turn.number - one.turn.number : 0;
}
