import type { JoinToken } from '@waggle/shared/cluster/join-token.ts';
import type { LinkEvents } from '@waggle/shared/lane-link/lane-link.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';

export interface GrpcServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Absent: any agent on this machine may join, and none from elsewhere. */
  readonly joinToken?: JoinToken | undefined;
  readonly clusterId: string;
  /** Version of Waggle, shown to the agents. */
  readonly version?: string;
  readonly lanesPerNode: number;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface GrpcServer {
  readonly port: number;
  /** Ends every link, its lanes first, and stops listening. */
  close(): Promise<void>;
}

/**
 * Listens for agents and tells `events` of them. Rejects with the error of the socket (`EADDRINUSE`, say) where it
 * cannot listen.
 */
export function startGrpcServer(_options: GrpcServerOptions, _events: LinkEvents): Promise<GrpcServer> {
  throw new Error('not there yet');
}
