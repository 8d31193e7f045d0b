/** Read at the time of use: they may change meanwhile. */
export interface SchedulerLimits {
  /** Held requests, and the bytes of their bodies. */
  readonly queueSize: number;
  readonly heldBytes: number;
  /** Jobs bound at once over the whole cluster; undefined: as many as there are lanes. */
  readonly concurrency: number | undefined;
  readonly modelLoadMaxMs: number;
}
