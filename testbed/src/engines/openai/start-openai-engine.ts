import type { DialectServer, Route } from '../dialect-server.ts';
import { type EngineOptions, type EngineParts, type ScriptedEngine, startScriptedEngine } from '../scripted-engine.ts';
import { answerEmbeddings } from './embedding.ts';
import { createGeneration } from './generation.ts';
import { createListing } from './listing.ts';
import { createLlamaServerProbes } from './llama-server-probes.ts';
import { createLmStudioLibrary } from './lm-studio-library.ts';
import { sendMissing } from './missing.ts';
import { errorJson, jsonHeadersOf, OpenAiRefusal, refuseAsOpenAi } from './openai-refusal.ts';
import type { OpenAiFlavour, OpenAiTraits } from './openai-traits.ts';
import { createVllmProbes } from './vllm-probes.ts';

/** Options of a scripted OpenAI-compatible server. A llama-server serves its first model, whatever name is asked for. */
export interface OpenAiEngineOptions extends EngineOptions {
  readonly flavour?: OpenAiFlavour;
  readonly version?: string;
  readonly reasoningField?: OpenAiTraits['reasoningField'];
  readonly earlyHeaders?: boolean;
  readonly argumentPiece?: number;
  /** LM Studio: models that may be loaded at once. */
  readonly maxLoadedModels?: number;
}

const VERSIONS: Readonly<Record<OpenAiFlavour, string>> = {
  vllm: '0.33.0',
  'llama-server': 'b11434-scripted',
  'lm-studio': '0.4.1',
};

const SLOTS: Readonly<Record<OpenAiFlavour, number>> = { vllm: 256, 'llama-server': 4, 'lm-studio': 1 };

/** A vLLM (or llama-server, or LM Studio) on a free port, ready when this resolves. */
export function startOpenAiEngine(options: OpenAiEngineOptions): Promise<ScriptedEngine> {
  const flavour = options.flavour ?? 'vllm';
  const traits: OpenAiTraits = {
    flavour,
    version: options.version ?? VERSIONS[flavour],
    reasoningField: options.reasoningField ?? (flavour === 'vllm' ? 'reasoning' : 'reasoning_content'),
    earlyHeaders: options.earlyHeaders ?? flavour === 'vllm',
    argumentPiece: options.argumentPiece ?? 6,
  };
  return startScriptedEngine(options, {
    defaults: {
      slots: SLOTS[flavour],
      tagged: false,
      maxLoaded: options.maxLoadedModels ?? Number.POSITIVE_INFINITY,
      maxQueue: Number.POSITIVE_INFINITY,
      defaultNumCtx: Number.POSITIVE_INFINITY,
      keepAliveMs: Number.POSITIVE_INFINITY,
      // cpp-httplib closes idle connections after 5 s and every connection after 100 requests, uvicorn idle ones after 5 s.
      keepConnectionMs: flavour === 'lm-studio' ? 0 : 5000,
      maxRequestsPerSocket: flavour === 'llama-server' ? 100 : 0,
    },
    createServer: (parts) => {
      // All but LM Studio, which loads on demand, hold what they serve from the start.
      if (flavour !== 'lm-studio') for (const model of parts.core.models) parts.core.residency.preload(model);
      return createOpenAiServer(parts, traits);
    },
  });
}

function createOpenAiServer(parts: EngineParts, traits: OpenAiTraits): DialectServer {
  const { flavour } = traits;
  const listing = createListing(parts, traits);
  const routes = new Map<string, Route>([...sharedRoutes(parts, traits), ...ownRoutes(parts, traits)]);
  const modelPrefix = 'GET /v1/models/';
  return {
    route: (method, path) => {
      const key = `${method} ${path}`;
      const route = routes.get(key);
      if (route !== undefined || flavour === 'llama-server' || !key.startsWith(modelPrefix)) return route;
      const id = decodeURIComponent(key.slice(modelPrefix.length));
      return { kind: 'probe', run: (exchange) => listing.model(exchange, id) };
    },
    missing: (exchange, path) => sendMissing(exchange, path, flavour, routes),
    refuse: (exchange, error) => refuseAsOpenAi(exchange, error, traits),
    sendFault: (exchange, { status, body, retryAfter }) => {
      const headers = jsonHeadersOf(flavour);
      exchange.send(
        status,
        retryAfter === undefined ? headers : { ...headers, 'retry-after': String(retryAfter) },
        body ?? errorJson(new OpenAiRefusal(status, 'Scripted failure'), flavour),
      );
    },
  };
}

function sharedRoutes(parts: EngineParts, traits: OpenAiTraits): [string, Route][] {
  const generation = createGeneration(parts, traits);
  const listing = createListing(parts, traits);
  return [
    ['POST /v1/chat/completions', { kind: 'inference', run: generation.chat }],
    ['POST /v1/completions', { kind: 'inference', run: generation.completions }],
    ['POST /v1/embeddings', { kind: 'inference', run: (exchange) => answerEmbeddings(exchange, parts, traits) }],
    ['GET /v1/models', { kind: 'probe', run: listing.models }],
  ];
}

function ownRoutes(parts: EngineParts, traits: OpenAiTraits): [string, Route][] {
  switch (traits.flavour) {
    case 'vllm': {
      const probes = createVllmProbes(parts, traits);
      return [
        ['GET /health', { kind: 'probe', run: probes.health }],
        ['GET /ping', { kind: 'probe', run: probes.health }],
        ['GET /version', { kind: 'probe', run: probes.version }],
        ['GET /load', { kind: 'probe', run: probes.load }],
        ['GET /metrics', { kind: 'probe', run: probes.metrics }],
      ];
    }
    case 'llama-server': {
      const probes = createLlamaServerProbes(parts, traits);
      return [
        ['GET /health', { kind: 'probe', run: probes.health }],
        ['GET /v1/health', { kind: 'probe', run: probes.health }],
        ['GET /props', { kind: 'probe', run: probes.props }],
        ['GET /slots', { kind: 'probe', run: probes.slots }],
        ['GET /metrics', { kind: 'probe', run: probes.metrics }],
      ];
    }
    case 'lm-studio': {
      const library = createLmStudioLibrary(parts, traits);
      return [
        ['GET /api/v1/models', { kind: 'probe', run: library.models }],
        ['GET /api/v0/models', { kind: 'probe', run: library.oldModels }],
        ['POST /api/v1/models/load', { kind: 'operation', run: library.load }],
        ['POST /api/v1/models/unload', { kind: 'operation', run: library.unload }],
      ];
    }
  }
}
