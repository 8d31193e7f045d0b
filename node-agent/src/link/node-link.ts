import type { JoinToken } from '@waggle/shared/cluster/join-token.ts';
import type { Refusal } from '@waggle/shared/lane-link/lane-link.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import type { LogSource } from './log-sender.ts';

/** A node's tie to one orchestrator: joins, reports, keeps lanes open, and comes back by itself after every loss. */
export interface NodeLink {
  readonly status: LinkStatus;
  /** Called with every change of the status, not with the present one; the returned function ends it. */
  subscribe(listener: (status: LinkStatus) => void): () => void;
  /**
   * Leaves in order: takes nothing new, lets running jobs and operations finish, says so, closes. Resolves when that is
   * done, or at once where there is no connection. `close` cuts it short.
   */
  drain(): Promise<void>;
  /** Ends at once; running jobs are cancelled. */
  close(): void;
}

export type LinkStatus =
  /** Trying to reach the orchestrator, or waiting to try again; `problem` is what the last try met. */
  | { readonly state: 'connecting'; readonly problem?: string }
  | {
      readonly state: 'joined';
      readonly epoch: number;
      readonly clusterId: string;
      readonly orchestratorVersion: string;
    }
  /** The orchestrator said no, or could not prove who it is. Tried again every few seconds: the reason may go away. */
  | { readonly state: 'refused'; readonly reason: Refusal['reason']; readonly message: string }
  /** The connection broke; `connecting` follows. */
  | { readonly state: 'lost'; readonly message: string }
  /** For good: drained or closed. */
  | { readonly state: 'closed' };

export interface NodeLinkOptions {
  /** `HOST:PORT` of the orchestrator's gRPC port. */
  readonly orchestrator: string;
  /** Absent: the cluster has none. */
  readonly token?: JoinToken | undefined;
  readonly logger: Logger;
  /** What the orchestrator is to have of the node's log; absent: nothing. */
  readonly logs?: LogSource | undefined;
  readonly clock: Clock;
  /** From 0 to below 1, for the jitter of reconnects. */
  readonly random?: () => number;
}
