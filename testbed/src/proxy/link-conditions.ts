/** How one direction of a link behaves. What is absent is perfect. */
export interface LinkConditions {
  /** Milliseconds everything is late. */
  readonly latencyMs?: number;
  /** Up to this many milliseconds more, evenly spread, in the order of sending. */
  readonly jitterMs?: number;
  readonly bytesPerS?: number;
  /** Longest piece that is passed on at once. */
  readonly sliceBytes?: number;
  /** Nothing passes, not even the end of a connection. What was sent waits, and passes when this is lifted. */
  readonly blackHole?: boolean;
  /** A connection is cut when it has passed this many bytes in this direction since it began. */
  readonly cutAfterBytes?: number;
}

/** `up`: from the client to the target. */
export type Direction = 'up' | 'down';

export const perfect: LinkConditions = {};

/** True if bytes may go on as they come, without a queue. */
export function isPlain(conditions: LinkConditions): boolean {
  const { latencyMs = 0, jitterMs = 0, bytesPerS, sliceBytes, blackHole = false, cutAfterBytes } = conditions;
  const slowed = latencyMs > 0 || jitterMs > 0 || bytesPerS !== undefined || blackHole;
  return !slowed && sliceBytes === undefined && cutAfterBytes === undefined;
}
