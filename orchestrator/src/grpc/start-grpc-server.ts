import { Server, ServerCredentials, type ServerDuplexStream, status } from '@grpc/grpc-js';
import type { JoinToken } from '@waggle/shared/cluster/join-token.ts';
import type { LinkEvents } from '@waggle/shared/lane-link/lane-link.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import { serverChannelOptions } from '@waggle/shared/wire/channel-options.ts';
import { lanesOpen, lanesWatch, membershipJoin, operationsOpen } from '@waggle/shared/wire/services.ts';
import { fromMetadata, type SessionClaim } from '@waggle/shared/wire/session-metadata.ts';
import { ConnectionGate } from './connection-gate.ts';
import type { LaneCall } from './grpc-lane.ts';
import type { ControlCall, GrpcLink, WatchCall } from './grpc-link.ts';
import { listen } from './listen.ts';
import { Membership } from './membership.ts';
import type { OperationCall } from './operation-stream.ts';

export interface GrpcServerOptions {
  /** Address to listen on. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Absent: any agent on this machine may join, and none from elsewhere. */
  readonly joinToken?: JoinToken | undefined;
  readonly clusterId: string;
  /** Version of Waggle, shown to the agents. */
  readonly version?: string;
  /** Lanes one node may have open over all its engines. */
  readonly lanesPerNode: number;
  /** What the operator calls a node, where that is not what it calls itself; its lines are written under that name. */
  readonly nameOf?: (nodeId: string) => string | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface GrpcServer {
  readonly port: number;
  /** Ends every link, its lanes first, and stops listening. */
  close(): Promise<void>;
}

/** Agents that were told to go have this long to close their connections. */
const closeMaxMs = 500;

/**
 * Listens for agents and tells `events` of them. Rejects with the error of the socket (`EADDRINUSE`, say) where it cannot
 * listen.
 */
export async function startGrpcServer(options: GrpcServerOptions, events: LinkEvents): Promise<GrpcServer> {
  const { joinToken, clusterId, version = '', lanesPerNode, nameOf, logger, clock } = options;
  const secret = joinToken?.secret;
  const gate = new ConnectionGate({ clock, logger });
  const authenticated = (peer: string) => gate.authenticated(peer);
  const membership = new Membership({
    secret,
    clusterId,
    version,
    lanesPerNode,
    nameOf,
    clock,
    logger,
    events,
    authenticated,
  });
  const identify = toIdentify(membership, authenticated);
  const server = new Server(serverChannelOptions);
  server.addService({ join: membershipJoin }, { join: (call: ControlCall) => membership.accept(call) });
  server.addService({ open: operationsOpen }, { open: toOpenOperation(identify) });
  server.addService({ open: lanesOpen, watch: lanesWatch }, toLanes(identify));
  // Sockets of our own: grpc counts no connections, and says only in prose why it cannot listen.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const listener = await listen(options.host, options.port, (socket) => {
    if (gate.admit(socket)) injector.injectConnection(socket);
  });
  return {
    port: listener.port,
    close() {
      listener.close();
      membership.close();
      return shutDown(server, clock);
    },
  };
}

function toOpenOperation(identify: Identify) {
  return (call: OperationCall): void => {
    const known = identify(call);
    if (known === undefined || known.link.addOperation(call, known.claim.streamId ?? 0)) return;
    refuse(call, status.NOT_FOUND, 'nobody asked for this operation');
  };
}

function toLanes(identify: Identify) {
  return {
    open(call: LaneCall): void {
      const known = identify(call);
      if (known === undefined) return;
      const { link, claim } = known;
      if (claim.engineId === undefined) refuse(call, status.INVALID_ARGUMENT, 'no engine was named');
      else if (!link.addLane(call, claim.engineId, claim.connection))
        refuse(call, status.RESOURCE_EXHAUSTED, 'the node has as many lanes as it may');
    },
    watch(call: WatchCall): void {
      const known = identify(call);
      known?.link.addWatch(call, known.claim.connection);
    },
  };
}

/** Whose stream it is; undefined: nobody's, and it was refused. */
type Identify = <Up, Down>(
  call: ServerDuplexStream<Up, Down>,
) => { readonly link: GrpcLink; readonly claim: SessionClaim } | undefined;

/** By what the metadata of the stream prove. */
function toIdentify(membership: Membership, authenticated: (peer: string) => void): Identify {
  return (call) => {
    const claim = fromMetadata(call.metadata);
    const link = claim === undefined ? undefined : membership.session(claim.sessionId);
    if (claim === undefined || link === undefined || !link.isMine(claim)) {
      refuse(call, status.UNAUTHENTICATED, 'no session of this orchestrator');
      return undefined;
    }
    authenticated(call.getPeer());
    return { link, claim };
  };
}

function refuse<Up, Down>(call: ServerDuplexStream<Up, Down>, code: status, details: string): void {
  call.resume();
  call.emit('error', { code, details });
}

function shutDown(server: Server, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cutOff = clock.schedule(closeMaxMs, () => {
      server.forceShutdown();
      resolve();
    });
    server.tryShutdown(() => {
      cutOff();
      resolve();
    });
  });
}
