import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import { toCacheWish } from './caching/cache-wish.ts';
import type { ResponseCache } from './caching/response-cache.ts';
import type { ExpectedNodes } from './cluster/expected-nodes.ts';
import { ModelSettings } from './cluster/model-settings.ts';
import type { NodeRegistry } from './cluster/node-registry.ts';
import type { CompiledConfig, LimitsConfig } from './config/compiled-config.ts';
import { anthropicRoutes } from './http/anthropic/anthropic-routes.ts';
import { messagesTranslation } from './http/anthropic/messages-translation.ts';
import { type BodyLimits, BodyReader } from './http/body/body-reader.ts';
import type { JsonLimits } from './http/body/json-scan.ts';
import { JsonParser } from './http/body/parse-json.ts';
import { createReadObject } from './http/body/read-object.ts';
import { type ClusterRouteDeps, clusterRoutes } from './http/cluster/cluster-routes.ts';
import { healthRoutes } from './http/cluster/health-routes.ts';
import { nodeRoutes } from './http/cluster/node-routes.ts';
import { requestRoutes } from './http/cluster/request-routes.ts';
import { errorFormOf } from './http/errors/error-form.ts';
import { FailureRenderer } from './http/errors/failure-renderer.ts';
import { InferenceEdge } from './http/inference/inference-edge.ts';
import { KnownBodies } from './http/inference/known-bodies.ts';
import { createUnsentBytes, type UnsentBytes } from './http/inference/unsent-bytes.ts';
import { createAdminGuard } from './http/middleware/admin-guard.ts';
import { createCors } from './http/middleware/cross-origin.ts';
import { createGate } from './http/middleware/gate.ts';
import { createHostCheck, createOwnHostCheck } from './http/middleware/host-check.ts';
import { ollamaBuildRoutes } from './http/ollama/build-routes.ts';
import { ollamaListingRoutes } from './http/ollama/listing-routes.ts';
import { type ModelRouteDeps, ollamaModelRoutes } from './http/ollama/model-routes.ts';
import { ollamaOtherRoutes } from './http/ollama/other-routes.ts';
import { openaiRoutes } from './http/openai/openai-routes.ts';
import { cacheRoutes } from './http/performance/cache-routes.ts';
import { Pulse } from './http/pulse.ts';
import { createRequestIds } from './http/request-id.ts';
import { type MemoryLimits, ResponseMemory } from './http/responses/response-memory.ts';
import { responsesRoutes } from './http/responses/responses-routes.ts';
import { responsesTranslation } from './http/responses/responses-translation.ts';
import { createMethodTable, type Route } from './http/route.ts';
import { RunningRequests } from './http/running-requests.ts';
import type { ServedApp } from './http/server.ts';
import { createWebApp, notRouted, type WebAppDeps } from './http/web-app.ts';
import { canThink } from './inference/can-think.ts';
import type { Inference } from './inference/inference.ts';
import type { RequestLog } from './inference/request-log.ts';
import type { Aliases } from './inference/resolve-model.ts';
import type { ModelResidency } from './operations/model-residency.ts';
import { OperationRunner } from './operations/operation-runner.ts';

export interface AppDeps {
  /** Its limits may change meanwhile. */
  readonly config: Pick<CompiledConfig, 'server' | 'limits' | 'cache'>;
  /** Names this cluster in `x-waggle-hops`. */
  readonly clusterId: string;
  /** Version of Waggle. */
  readonly version: string;
  /** Lets clients on other machines change models; undefined: nobody there may. */
  readonly adminToken: string | undefined;
  readonly inference: Inference;
  readonly cache: Pick<ResponseCache, 'stats'>;
  readonly residency: ModelResidency;
  readonly cluster: NodeRegistry;
  readonly expected: ExpectedNodes;
  readonly scheduler: ClusterRouteDeps['scheduler'];
  readonly requests: RequestLog;
  readonly aliases: () => Aliases;
  /** What operators want of models; nothing unless told. */
  readonly settings?: Pick<ModelSettings, 'timeoutOf' | 'of'>;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Milliseconds since 1970; the machine's own clock unless told. */
  readonly now?: () => number;
  /** What the system holds for slow clients; asked of the system unless told. */
  readonly unsentBytes?: UnsentBytes;
}

/** Everything the HTTP port serves. Starts nothing but one timer, which `dispose` ends. */
export function createApp(deps: AppDeps): ServedApp {
  const { config, clusterId, version, inference, residency, cluster, scheduler, requests, aliases, logger, clock } =
    deps;
  const { server, limits } = config;
  const settings = deps.settings ?? new ModelSettings();
  const running = new RunningRequests();
  const isDraining = (): boolean => running.isDraining;
  const requestIds = createRequestIds();
  const cors = createCors(server.origins);
  const failures = new FailureRenderer(logger);
  const pulse = new Pulse(clock, Math.min(longestBeatMs, server.readTimeoutMs / 4, server.writeTimeoutMs / 8));
  const bodies = new BodyReader(toBodyLimits(config), pulse);
  const json = new JsonParser(toJsonLimits(limits));
  const readObject = createReadObject(bodies, json);
  const adminOnly = createAdminGuard({
    adminToken: deps.adminToken,
    remoteAdmin: server.remoteAdmin,
    isOwnHost: createOwnHostCheck(server.hosts),
  });
  const { writeTimeoutMs } = server;
  const patience = { pulse, writeTimeoutMs, unsentBytes: deps.unsentBytes ?? createUnsentBytes() };
  const runner = new OperationRunner(() => limits.operationsPerNode);
  const generations = new InferenceEdge({
    inference,
    residency,
    bodies,
    failures,
    cors,
    requestIds,
    running,
    clock,
    logger,
    json,
    ...patience,
    timeoutOf: (model) => settings.timeoutOf(model, aliases()),
    knownBodies: new KnownBodies(),
    cacheWish: (request, control) => toCacheWish(request, control, config.cache),
  });

  const models: ModelRouteDeps = { cluster: { registry: cluster, aliases }, runner, readObject, adminOnly };
  const responses = new ResponseMemory(toMemoryLimits(limits));
  const thinks = (model: string): boolean => canThink(model, { registry: cluster, settings, aliases: aliases() });
  const routes: readonly Route[] = [
    generations.route('/api/generate', 'ollama.generate'),
    generations.route('/api/chat', 'ollama.chat'),
    generations.route('/api/chat/stream', 'ollama.chat', { alwaysStream: true }),
    generations.route('/api/embed', 'ollama.embed'),
    generations.route('/api/embeddings', 'ollama.embeddings'),
    generations.route('/v1/chat/completions', 'openai.chat'),
    generations.route('/v1/completions', 'openai.completions'),
    generations.route('/v1/embeddings', 'openai.embeddings'),
    generations.route('/v1/responses', 'openai.chat', { translation: responsesTranslation(thinks, responses) }),
    generations.route('/v1/messages', 'openai.chat', { translation: messagesTranslation(thinks) }),
    ...ollamaListingRoutes(cluster, aliases),
    ...ollamaModelRoutes(models),
    ...ollamaBuildRoutes({ ...models, clock, pulse, readTimeoutMs: server.readTimeoutMs }),
    ...ollamaOtherRoutes(),
    ...openaiRoutes(cluster, aliases),
    ...responsesRoutes({ memory: responses, registry: cluster, aliases, readObject }),
    ...anthropicRoutes({ registry: cluster, aliases, readObject }),
    ...healthRoutes(cluster, isDraining),
    ...clusterRoutes({
      registry: cluster,
      scheduler,
      requests,
      aliases,
      isDraining,
      clusterId,
      version,
      now: deps.now ?? Date.now,
    }),
    ...nodeRoutes(cluster, deps.expected),
    ...requestRoutes(requests),
    ...cacheRoutes(deps.cache),
  ];

  const methodsOf = createMethodTable(routes);
  const gate = createGate({
    isHostAllowed: createHostCheck(server.host, server.hosts),
    cors,
    basePath: server.basePath,
    isDraining,
    methodsOf,
    clusterId,
  });
  const webApp: WebAppDeps = {
    routes,
    methodsOf,
    gate,
    basePath: server.basePath,
    failures,
    cors,
    requestIds,
    running,
    patience,
    clock,
  };
  return {
    listener: createWebApp(webApp),
    running,
    notRouted: (method, target) =>
      notRouted(webApp, { method, path: target, query: '', form: errorFormOf(target, {}), requestId: '' }),
    requestIds,
    dispose: () => pulse.stop(),
  };
}

const longestBeatMs = 1_000;

// What is read of the limits, at the time of use.

function toBodyLimits({ server, limits }: AppDeps['config']): BodyLimits {
  return {
    get maxBytes() {
      return limits.maxBodyBytes;
    },
    get heldBytes() {
      return limits.heldBytes;
    },
    timeoutMs: server.readTimeoutMs,
  };
}

function toJsonLimits(limits: LimitsConfig): JsonLimits {
  return {
    get depth() {
      return limits.jsonDepth;
    },
    get values() {
      return limits.jsonValues;
    },
  };
}

function toMemoryLimits(limits: LimitsConfig): MemoryLimits {
  return {
    get count() {
      return limits.keptResponses;
    },
    get bytes() {
      return limits.keptResponseBytes;
    },
  };
}
