import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import type { RetryBudget } from '../scheduling/retry-budget.ts';
import type { Scheduler } from '../scheduling/scheduler.ts';
import type { ClusterResidency } from './cluster-residency.ts';
import type { RequestLog } from './request-log.ts';
import type { Watchdog } from './watchdog.ts';

export interface InferenceLimits {
  /** Longest wait for a first event where nothing is known of the model yet. */
  readonly firstEventMaxMs: number;
  /** Longest pause between two events of an answer. */
  readonly stallMaxMs: number;
  /** Bytes of an answer that wait for a slow reader before the engine is held back. */
  readonly streamBufferBytes: number;
  /** The same over all answers of one engine. */
  readonly nodeBufferBytes: number;
}

/** What a running request needs of its surroundings. */
export interface InferenceDeps {
  readonly scheduler: Scheduler;
  readonly budget: RetryBudget;
  readonly requests: RequestLog;
  readonly watchdog: Watchdog;
  readonly residency: ClusterResidency;
  readonly limits: InferenceLimits;
  /** Nodes that should be there have not come yet; asked in the first seconds only. */
  readonly awaitsNodes: () => boolean;
  readonly clock: Clock;
  readonly now: () => number;
  readonly logger: Logger;
}
