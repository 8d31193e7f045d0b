import type { GrpcLane } from './grpc-lane.ts';

/** One connection of a node that carries lanes. They are proof of free slots only while it is fresh. */
export class LaneConnection {
  readonly lanes = new Set<GrpcLane>();
  /** Open watch streams: one, or for a moment none or two. */
  watches = 0;
  /** Set by every frame of a lane; cheaper than to read the clock for each. */
  hasSpoken = false;
  #heardAt: number;

  constructor(now: number) {
    this.#heardAt = now;
  }

  get isUnused(): boolean {
    return this.lanes.size === 0 && this.watches === 0;
  }

  heard(now: number): void {
    this.#heardAt = now;
  }

  /** `stallMs`: how long this process itself was not there to listen. */
  silentMs(now: number, stallMs: number): number {
    this.#heardAt = this.hasSpoken ? now : this.#heardAt + stallMs;
    this.hasSpoken = false;
    return now - this.#heardAt;
  }
}
