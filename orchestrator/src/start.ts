import type { NodeHost } from '@waggle/shared/lane-link/node-host.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import type { Activity } from '@waggle/shared/process/release-when-idle.ts';
import { createApp } from './app.ts';
import { ResponseCache } from './caching/response-cache.ts';
import { AwaitedNodes } from './cluster/awaited-nodes.ts';
import { findUnknownNodes } from './cluster/model-settings.ts';
import { NodeRegistry } from './cluster/node-registry.ts';
import type { CompiledConfig } from './config/compiled-config.ts';
import { ConfigError } from './config/config-error.ts';
import type { DataFolder } from './config/data-folder.ts';
import { resolveJoinToken } from './config/join-token.ts';
import { KnownNodesFile } from './config/known-nodes.ts';
import { grpcKeys, httpKeys, type ListenKeys, toListenError } from './config/listen-error.ts';
import { toLabels } from './config/node-labels.ts';
import { type InvitedAgent, Inviter } from './grpc/inviter.ts';
import { startGrpcServer } from './grpc/start-grpc-server.ts';
import { type HttpServer, startHttpServer } from './http/server.ts';
import { type AttachedNode, attachNode } from './in-process/attach-node.ts';
import { CachedInference } from './inference/cached-inference.ts';
import { ClusterInference } from './inference/cluster-inference.ts';
import { ClusterResidency } from './inference/cluster-residency.ts';
import { Prober } from './inference/prober.ts';
import { RequestLog } from './inference/request-log.ts';
import { Watchdog } from './inference/watchdog.ts';
import { LiveSettings } from './live-settings.ts';
import { Preloader } from './scheduling/preloader.ts';
import { RetryBudget } from './scheduling/retry-budget.ts';
import { Scheduler } from './scheduling/scheduler.ts';

export interface OrchestratorDeps {
  readonly config: CompiledConfig;
  readonly data: Pick<DataFolder, 'path' | 'source' | 'clusterId' | 'adminToken'>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly version: string;
}

/** A running orchestrator. */
export interface Orchestrator {
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly registry: NodeRegistry;
  /** Requests, for whoever wants to know whether it is idle. */
  activity(): Activity;
  readonly joinToken: ReturnType<typeof resolveJoinToken>;
  /** Makes a node of this process part of the cluster. @throws ConfigError when its name is taken */
  attach(host: NodeHost): AttachedNode;
  /** Takes up what can change: limits, aliases, settings of models, agents to invite. Engines are nodes, and theirs who attached them. */
  apply(config: CompiledConfig): void;
  /** Refuses new requests, lets running ones finish, then ends in order. */
  drain(): Promise<void>;
  /** Ends at once. */
  close(): Promise<void>;
}

/** Builds every part, in the order of its dependencies, and listens. What was begun is ended again when a later part fails. */
export async function startOrchestrator(deps: OrchestratorDeps): Promise<Orchestrator> {
  const { config, data, logger, clock, version } = deps;
  const { server, cluster } = config;
  const live = new LiveSettings(config);
  const { limits, aliases, ownNames, models: settings } = live;
  const registry = new NodeRegistry({ clock, logger, limits, ownNames });
  const scheduler = new Scheduler({ registry, limits: live.scheduler, settings, clock, logger });
  const residency = new ClusterResidency({ registry, scheduler, aliases, logger });
  const requests = new RequestLog(limits);
  const now = () => clock.now();
  // Invitations need the gRPC port.
  let isInviting = () => true;
  const awaited = new AwaitedNodes({
    cluster: registry,
    known: new KnownNodesFile(data.path, logger),
    ownNames,
    isInviting: () => isInviting(),
    clock,
  });
  const inferenceDeps = {
    scheduler,
    budget: new RetryBudget(),
    requests,
    watchdog: new Watchdog(clock),
    residency,
    limits,
    awaitsNodes: () => awaited.areMissing(),
    clock,
    now,
    logger,
  };
  const cache = new ResponseCache(live.cache, clock);
  const inference = new CachedInference({
    inference: new ClusterInference(inferenceDeps, registry, aliases),
    cache,
    registry,
    aliases,
    settings,
    requests,
    clock,
  });
  new Prober({ scheduler, clock, logger }).start();
  const awaitsNodes = () => awaited.areMissing();
  const preloader = new Preloader({ registry, scheduler, settings, awaitsNodes, clock });

  const joinToken = resolveJoinToken(cluster, data);
  const inWords = (where: { readonly host: string; readonly port: number }, keys: ListenKeys) => (thrown: unknown) => {
    throw toListenError(thrown, where, { keys, sources: config.sources });
  };
  const grpc = await startGrpcServer(
    {
      host: cluster.host,
      port: cluster.grpcPort,
      joinToken,
      clusterId: data.clusterId,
      version,
      lanesPerNode: limits.lanesPerNode,
      nameOf: (nodeId) => registry.nameOf(nodeId),
      logger,
      clock,
    },
    registry,
  ).catch(inWords({ host: cluster.host, port: cluster.grpcPort }, grpcKeys));
  const inviter = new Inviter({
    orchestrator: cluster.advertise ?? `:${grpc.port}`,
    secret: joinToken?.secret ?? '',
    isConnected: (nodeId) => registry.isConnected(nodeId),
    describe: (nodeId, given) => registry.describe(nodeId, given),
    clock,
    logger,
  });
  isInviting = () => inviter.isInviting;
  const app = createApp({
    config: { ...config, limits },
    clusterId: data.clusterId,
    adminToken: data.adminToken,
    version,
    inference,
    cache,
    residency,
    cluster: registry,
    expected: inviter,
    scheduler,
    requests,
    aliases,
    settings,
    logger,
    clock,
  });
  let http: HttpServer;
  try {
    http = await startHttpServer(app, server, clock).catch(inWords(server, httpKeys));
  } catch (thrown) {
    await grpc.close();
    app.dispose();
    throw thrown;
  }
  // An agent may be on its way.
  const noteUnknownNodes = () =>
    clock.schedule(unknownAfterMs, () => {
      const expected = new Set(inviter.expected.map(({ name }) => name));
      const isKnown = (name: string) => ownNames.has(name) || expected.has(name) || registry.node(name) !== undefined;
      for (const unknown of findUnknownNodes(settings, isKnown)) logger.warn('model-nodes-unknown', unknown);
    });
  let stopNoting = noteUnknownNodes();
  inviter.follow(toInvited(config));
  awaited.start();
  preloader.start();
  const attached = new Set<AttachedNode>();
  const end = async () => {
    inviter.stop();
    awaited.stop();
    preloader.stop();
    stopNoting();
    for (const node of attached) node.close();
    await grpc.close();
    app.dispose();
  };
  return {
    httpPort: http.port,
    grpcPort: grpc.port,
    registry,
    activity: () => http.activity(),
    joinToken,
    attach(host) {
      const node = attachNode(host, registry, { clock, lanesPerNode: limits.lanesPerNode });
      if (node.refusal !== undefined)
        throw new ConfigError({
          key: 'nodes',
          source: 'nodes',
          problem: node.refusal.message,
          expected: 'names that differ',
        });
      attached.add(node);
      return {
        ...node,
        async drain() {
          await node.drain();
          attached.delete(node);
        },
      };
    },
    apply(next) {
      live.take(next);
      inviter.follow(toInvited(next));
      stopNoting();
      stopNoting = noteUnknownNodes();
      scheduler.capacityChanged();
    },
    async drain() {
      await http.drain();
      await end();
    },
    async close() {
      await http.close();
      await end();
    },
  };
}

/** Names that settings of models speak of are looked for so long after a start or a change. */
const unknownAfterMs = 10_000;

function toInvited({ nodes }: CompiledConfig): readonly InvitedAgent[] {
  return nodes.filter((node) => node.kind === 'agent').map((node) => ({ ...node, labels: toLabels(node.labels) }));
}
