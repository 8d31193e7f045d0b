import { notSeated, Roster, type RosterMember } from '@waggle/shared/collections/roster.ts';
import type { Lane } from '@waggle/shared/lane-link/lane-link.ts';
import type { ServedModel } from './served-model.ts';
import type { LaneCounts } from './views.ts';

export const laneStates = ['idle', 'bound', 'draining', 'closed'] as const;
/** `draining`: its job was cancelled, the engine has not stopped yet. */
export type LaneState = (typeof laneStates)[number];

const transitions: Record<LaneState, readonly LaneState[]> = {
  idle: ['bound', 'closed'],
  bound: ['idle', 'draining', 'closed'],
  draining: ['idle', 'closed'],
  closed: [],
};

/** A job on a lane, as far as costs need it. Load is always summed over these, never counted. */
export interface BoundJob extends RosterMember {
  readonly served: ServedModel;
  readonly boundAt: number;
  readonly promptTokens: number;
  /** Answer length expected when it was bound. */
  readonly expectedTokens: number;
  tokensOut: number;
  firstEventAt: number | undefined;
}

interface LaneEntry extends RosterMember {
  readonly lane: Lane;
  state: LaneState;
  job: BoundJob | undefined;
}

/**
 * The lanes of one engine. Invariant: a lane is in exactly one state and a bound or draining lane has exactly one job;
 * every figure is derived from the entries at the moment of asking.
 */
export class EngineLanes implements LaneCounts {
  readonly #entries = new Map<Lane, LaneEntry>();
  /** Last used on top: busy lanes stay together on few connections, whose writes then coalesce. */
  readonly #idle: LaneEntry[] = [];
  readonly #busy = new Roster<LaneEntry>();

  open(lane: Lane): void {
    if (this.#entries.has(lane)) throw new Error(`lane ${lane.laneId} opened twice`);
    const entry: LaneEntry = { lane, state: 'idle', job: undefined, seat: notSeated };
    this.#entries.set(lane, entry);
    this.#idle.push(entry);
  }

  /** Forgets a lane in whatever state; a job on it has been told before. Unknown lanes are ignored. */
  close(lane: Lane): void {
    const entry = this.#entries.get(lane);
    if (entry === undefined) return;
    if (entry.state === 'idle') this.#idle.splice(this.#idle.indexOf(entry), 1);
    else this.#leaveBusy(entry);
    this.#move(entry, 'closed');
    this.#entries.delete(lane);
  }

  /** Reserves an idle lane; undefined: there is none. */
  bind(job: BoundJob): Lane | undefined {
    const entry = this.#idle.pop();
    if (entry === undefined) return undefined;
    this.#move(entry, 'bound');
    entry.job = job;
    this.#busy.add(entry);
    job.served.running.add(job);
    return entry.lane;
  }

  /** The job was cancelled; the lane stays taken until the engine stopped. */
  drain(lane: Lane): void {
    const entry = this.#entries.get(lane);
    if (entry?.state === 'bound') this.#move(entry, 'draining');
  }

  /** The job ended: the lane is free again. Closed lanes are ignored. */
  release(lane: Lane): void {
    const entry = this.#entries.get(lane);
    if (entry === undefined || entry.state === 'idle') return;
    this.#leaveBusy(entry);
    this.#move(entry, 'idle');
    this.#idle.push(entry);
  }

  get idle(): number {
    return this.#idle.length;
  }

  get bound(): number {
    return this.#busy.size - this.draining;
  }

  get draining(): number {
    let count = 0;
    for (const entry of this.#busy) if (entry.state === 'draining') count++;
    return count;
  }

  get busy(): number {
    return this.#busy.size;
  }

  /** Jobs that hold a lane, draining ones included. */
  *jobs(): Iterable<BoundJob> {
    for (const entry of this.#busy) if (entry.job !== undefined) yield entry.job;
  }

  lanes(): Iterable<Lane> {
    return this.#entries.keys();
  }

  #leaveBusy(entry: LaneEntry): void {
    this.#busy.delete(entry);
    if (entry.job !== undefined) entry.job.served.running.delete(entry.job);
    entry.job = undefined;
  }

  #move(entry: LaneEntry, next: LaneState): void {
    if (!transitions[entry.state].includes(next))
      throw new Error(`lane ${entry.lane.laneId}: ${entry.state} → ${next}`);
    entry.state = next;
  }
}
