import { type AnswerBatch, batchKind, type NativeBatch, toTypedBatch } from '@waggle/shared/chat/answer-batch.ts';
import type { ChatEvent } from '@waggle/shared/chat/chat-event.ts';
import type { RequestFacts } from '@waggle/shared/dialects/requests/request-facts.ts';
import { type Logger, silentLogger } from '@waggle/shared/observing/logger.ts';
import { HandClock } from '@waggle/shared/testing/hand-clock.ts';
import { type AppDeps, createApp } from '../app.ts';
import { ResponseCache } from '../caching/response-cache.ts';
import { noSetting } from '../cluster/model-settings.ts';
import type { LimitsConfig, ServerConfig } from '../config/compiled-config.ts';
import type { Answer, Inference, InferenceRequest } from '../inference/inference.ts';
import { RequestLog } from '../inference/request-log.ts';
import type { ModelResidency } from '../operations/model-residency.ts';
import { type ScriptedNode, scriptedCluster } from '../operations/scripted-nodes.ts';
import { Scheduler } from '../scheduling/scheduler.ts';
import type { UnsentBytes } from './inference/unsent-bytes.ts';
import { type HttpServer, startHttpServer } from './server.ts';

export type AnswerScript = (request: InferenceRequest, signal: AbortSignal) => AsyncIterable<AnswerBatch>;

/** Answers by a script and records what it was asked. */
export class ScriptedInference implements Inference {
  readonly runs: { readonly request: InferenceRequest; readonly signal: AbortSignal }[] = [];
  script: AnswerScript;
  readonly #waiting: (() => void)[] = [];

  constructor(script: AnswerScript) {
    this.script = script;
  }

  run(request: InferenceRequest, signal: AbortSignal): Answer {
    this.runs.push({ request, signal });
    for (const resolve of this.#waiting.splice(0)) resolve();
    const { facts } = request;
    const record = {
      requestId: request.requestId,
      endpoint: facts.endpoint,
      model: facts.model,
      stream: facts.stream,
      priority: request.priority,
      client: request.client,
      receivedAt: new Date(0).toISOString(),
      state: 'running',
      node: 'node-1',
      attempts: [],
    } satisfies Answer['record'];
    const batches = this.script(request, signal);
    return { record, [Symbol.asyncIterator]: () => batches[Symbol.asyncIterator]() };
  }

  /** Resolves when request number `count` has come. */
  async asked(count = 1): Promise<{ readonly request: InferenceRequest; readonly signal: AbortSignal }> {
    for (;;) {
      const run = this.runs[count - 1];
      if (run !== undefined) return run;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

export class RecordingResidency implements ModelResidency {
  readonly loaded: RequestFacts[] = [];
  readonly unloaded: string[] = [];

  async load(facts: RequestFacts): Promise<string> {
    this.loaded.push(facts);
    return 'node-1';
  }

  async unload(model: string): Promise<readonly string[]> {
    this.unloaded.push(model);
    return ['node-1', 'knöt'];
  }
}

export const text = (bytes: string, end = false): NativeBatch => ({
  form: 'native',
  kinds: end ? batchKind.text | batchKind.end : batchKind.text,
  deltas: 1,
  bytes: Buffer.from(bytes),
});

export const typed = (...events: ChatEvent[]): AnswerBatch => toTypedBatch(events);

/** Never answers; ends when the client or the clock gives up. */
export const silent: AnswerScript = async function* (_request, signal) {
  await aborted(signal);
  yield* [];
  throw signal.reason;
};

export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

export interface TestServerOptions {
  readonly script?: AnswerScript;
  readonly server?: Partial<ServerConfig>;
  readonly limits?: Partial<LimitsConfig>;
  readonly nodes?: readonly ScriptedNode[];
  readonly aliases?: Readonly<Record<string, readonly string[]>>;
  readonly adminToken?: string;
  /** Deadline of requests that state none. */
  readonly timeoutMs?: number;
  readonly logger?: Logger;
  /** Bytes the system holds for a client, always as many unless told. */
  readonly unsentBytes?: UnsentBytes;
}

/** A whole HTTP edge on a free port, in front of scripts. */
export interface TestServer extends AsyncDisposable {
  readonly inference: ScriptedInference;
  readonly residency: RecordingResidency;
  readonly requests: RequestLog;
  readonly cluster: ReturnType<typeof scriptedCluster>;
  readonly clock: HandClock;
  readonly http: HttpServer;
  readonly port: number;
}

export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const inference = new ScriptedInference(options.script ?? silent);
  const residency = new RecordingResidency();
  const requests = new RequestLog({ recentRequests: 100 });
  const cluster = scriptedCluster(options.nodes ?? []);
  const clock = new HandClock();
  const config = toConfig(options);
  const scheduler = new Scheduler({
    registry: cluster.registry,
    limits: { queueSize: 10, heldBytes: 1e9, concurrency: undefined, modelLoadMaxMs: 60_000 },
    clock,
    logger: silentLogger,
  });
  const deps: AppDeps = {
    config,
    clusterId: 'cluster-1',
    version: '0.1.0',
    adminToken: options.adminToken,
    inference,
    cache: new ResponseCache(config.cache, clock),
    residency,
    cluster: cluster.registry,
    expected: { expected: [] },
    scheduler,
    requests,
    aliases: () => new Map(Object.entries(options.aliases ?? {})),
    settings: { timeoutOf: () => options.timeoutMs, of: () => noSetting },
    logger: options.logger ?? silentLogger,
    clock,
    unsentBytes: options.unsentBytes ?? (() => Promise.resolve(1_000_000)),
    now: () => 1_795_000_000_000,
  };
  const http = await startHttpServer(createApp(deps), config.server, clock);
  const { port } = http;
  return { inference, residency, requests, cluster, clock, http, port, [Symbol.asyncDispose]: () => http.close() };
}

function toConfig({ server, limits }: TestServerOptions): AppDeps['config'] {
  return {
    server: {
      host: '127.0.0.1',
      port: 0,
      basePath: '',
      readTimeoutMs: 30_000,
      writeTimeoutMs: 30_000,
      headersTimeoutMs: 10_000,
      keepAliveTimeoutMs: 75_000,
      drainTimeoutMs: 30_000,
      maxHeaderBytes: 16_384,
      maxConnections: 1_000,
      queueSize: 10,
      concurrency: undefined,
      origins: [],
      hosts: [],
      remoteAdmin: false,
      ...server,
    },
    limits: {
      maxBodyBytes: 1_000_000,
      heldBytes: 1e9,
      streamBufferBytes: 1e6,
      nodeBufferBytes: 1e6,
      jsonDepth: 128,
      jsonValues: 400_000,
      lanesPerNode: 10,
      nodes: 10,
      operationsPerNode: 4,
      recentRequests: 100,
      keptResponses: 10,
      keptResponseBytes: 1e6,
      firstEventMaxMs: 60_000,
      stallMaxMs: 60_000,
      modelLoadMaxMs: 60_000,
      ...limits,
    },
    cache: { maxBytes: 1e6, ttlMs: 60_000, seeded: false },
  };
}
