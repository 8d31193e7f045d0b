import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import type { CompiledConfig } from './config/compiled-config.ts';
import { BodyReader } from './http/body/body-reader.ts';
import { FailureRenderer } from './http/errors/failure-renderer.ts';
import { InferenceEdge } from './http/inference/inference-edge.ts';
import { createCors } from './http/middleware/cross-origin.ts';
import { createGate } from './http/middleware/gate.ts';
import { createHostCheck } from './http/middleware/host-check.ts';
import { Pulse } from './http/pulse.ts';
import { createRequestIds } from './http/request-id.ts';
import { createMethodTable, type Route } from './http/route.ts';
import { RunningRequests } from './http/running-requests.ts';
import type { ServedApp } from './http/server.ts';
import { createWebApp } from './http/web-app.ts';
import type { Inference } from './inference/inference.ts';
import type { ModelResidency } from './operations/model-residency.ts';

export interface AppDeps {
  readonly config: Pick<CompiledConfig, 'server' | 'limits'>;
  /** Names this cluster in `x-waggle-hops`. */
  readonly clusterId: string;
  readonly inference: Inference;
  readonly residency: ModelResidency;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Everything the HTTP port serves. Starts nothing but one timer, which `dispose` ends. */
export function createApp(deps: AppDeps): ServedApp {
  const { config, clusterId, inference, residency, logger, clock } = deps;
  const { server, limits } = config;
  const running = new RunningRequests();
  const requestIds = createRequestIds();
  const cors = createCors(server.origins);
  const failures = new FailureRenderer(logger);
  const pulse = new Pulse(clock, Math.min(longestBeatMs, server.readTimeoutMs / 4));
  const bodies = new BodyReader({ maxBytes: limits.maxBodyBytes, timeoutMs: server.readTimeoutMs }, pulse);
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
    pulse,
    clusterId,
    maxJsonDepth: limits.jsonDepth,
    writeTimeoutMs: server.writeTimeoutMs,
  });

  const routes: readonly Route[] = [
    generations.route('/api/generate', 'ollama.generate'),
    generations.route('/api/chat', 'ollama.chat'),
    generations.route('/api/chat/stream', 'ollama.chat', { alwaysStream: true }),
    generations.route('/api/embed', 'ollama.embed'),
    generations.route('/api/embeddings', 'ollama.embeddings'),
    generations.route('/v1/chat/completions', 'openai.chat'),
    generations.route('/v1/completions', 'openai.completions'),
    generations.route('/v1/embeddings', 'openai.embeddings'),
  ];

  const methodsOf = createMethodTable(routes);
  const gate = createGate({
    isHostAllowed: createHostCheck(server.host, server.hosts),
    cors,
    basePath: server.basePath,
    isDraining: () => running.isDraining,
    methodsOf,
  });
  return {
    listener: createWebApp({ routes, methodsOf, gate, failures, cors, requestIds, running }),
    running,
    dispose: () => pulse.stop(),
  };
}

const longestBeatMs = 1_000;
