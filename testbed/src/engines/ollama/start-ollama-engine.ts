import type { DialectServer, Route } from '../dialect-server.ts';
import type { Exchange } from '../exchange.ts';
import { type EngineOptions, type EngineParts, type ScriptedEngine, startScriptedEngine } from '../scripted-engine.ts';
import type { ScriptedModel } from '../scripted-model.ts';
import { createEmbedding } from './embedding.ts';
import { createGeneration } from './generation.ts';
import { createLibrary, type PullScript } from './library.ts';
import { createListing } from './listing.ts';
import { errorJson, jsonHeaders, refuseAsOllama, sendText } from './ollama-refusal.ts';
import { isModern, type OllamaTraits } from './ollama-traits.ts';

/** Options of a scripted Ollama. `slots` is its OLLAMA_NUM_PARALLEL. */
export interface OllamaEngineOptions extends EngineOptions {
  /** Forms differ below 0.30. Default 0.34.2. */
  readonly version?: string;
  readonly maxLoadedModels?: number;
  /** Requests that may wait for a load; more are answered with 503. */
  readonly maxQueue?: number;
  /** Context of a model that says nothing itself. */
  readonly contextLength?: number;
  /** How long a model stays by default, in milliseconds. */
  readonly keepModelMs?: number;
  readonly mixedBoundary?: boolean;
  readonly toolCallPlace?: OllamaTraits['toolCallPlace'];
  readonly pullable?: readonly ScriptedModel[];
  readonly pullSteps?: number;
  readonly pullStepMs?: number;
}

/** An Ollama on a free port, ready when this resolves. */
export function startOllamaEngine(options: OllamaEngineOptions): Promise<ScriptedEngine> {
  const version = options.version ?? '0.34.2';
  const traits: OllamaTraits = {
    version,
    modern: isModern(version),
    mixedBoundary: options.mixedBoundary ?? false,
    toolCallPlace: options.toolCallPlace ?? 'chunk',
  };
  const pulls: PullScript = {
    pullable: options.pullable ?? [],
    steps: options.pullSteps ?? 4,
    stepMs: (options.pullStepMs ?? 0) * (options.timeScale ?? 1),
  };
  return startScriptedEngine(options, {
    defaults: {
      slots: 1,
      tagged: true,
      maxLoaded: options.maxLoadedModels ?? 3,
      maxQueue: options.maxQueue ?? 512,
      defaultNumCtx: options.contextLength ?? 4096,
      keepAliveMs: options.keepModelMs ?? 300_000,
      keepConnectionMs: 0,
      maxRequestsPerSocket: 0,
    },
    createServer: (parts) => createOllamaServer(parts, traits, pulls),
  });
}

type Methods = Readonly<Record<string, Route>>;

function createOllamaServer(parts: EngineParts, traits: OllamaTraits, pulls: PullScript): DialectServer {
  const generation = createGeneration(parts, traits);
  const embedding = createEmbedding(parts);
  const listing = createListing(parts, traits);
  const library = createLibrary(parts, pulls);
  const hello: Route = { kind: 'probe', run: (exchange) => sendText(exchange, 200, 'Ollama is running') };
  const version: Route = { kind: 'probe', run: listing.version };
  const tags: Route = { kind: 'probe', run: listing.tags };
  // In the order of the Allow header.
  const routes = new Map<string, Methods>([
    ['/', { HEAD: hello, GET: hello }],
    ['/api/version', { HEAD: version, GET: version }],
    ['/api/tags', { HEAD: tags, GET: tags }],
    ['/api/ps', { GET: { kind: 'probe', run: listing.ps } }],
    ['/api/status', { GET: { kind: 'probe', run: listing.status } }],
    ['/api/show', { POST: { kind: 'operation', run: listing.show } }],
    ['/api/pull', { POST: { kind: 'operation', run: library.pull } }],
    ['/api/delete', { DELETE: { kind: 'operation', run: library.remove } }],
    ['/api/chat', { POST: { kind: 'inference', run: generation.chat } }],
    ['/api/generate', { POST: { kind: 'inference', run: generation.generate } }],
    ['/api/embed', { POST: { kind: 'inference', run: embedding.embed } }],
    ['/api/embeddings', { POST: { kind: 'inference', run: embedding.embeddings } }],
  ]);
  return {
    route: (method, path) => routes.get(path)?.[method],
    missing: (exchange, path) => sendMissing(exchange, routes.get(path)),
    refuse: refuseAsOllama,
    sendFault: (exchange, fault) => {
      const { retryAfter } = fault;
      const headers = retryAfter === undefined ? jsonHeaders : { ...jsonHeaders, 'retry-after': String(retryAfter) };
      exchange.send(
        fault.status,
        headers,
        fault.body ?? errorJson(FAULT_TEXT[fault.status] ?? 'internal server error'),
      );
    },
  };
}

const FAULT_TEXT: Readonly<Record<number, string>> = {
  429: 'too many requests',
  500: 'llama runner process has terminated: exit status 2',
  503: 'server busy, please try again.  maximum pending requests exceeded',
};

function sendMissing(exchange: Exchange, methods: Methods | undefined): void {
  if (methods === undefined) sendText(exchange, 404, '404 page not found');
  else sendText(exchange, 405, '405 method not allowed', Object.keys(methods).join(', '));
}
