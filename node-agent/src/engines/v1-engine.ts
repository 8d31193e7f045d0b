import type { EngineOptions } from './create-engine.ts';
import type { Engine } from './engine.ts';
import { isOllama } from './ollama/is-ollama.ts';
import { createOllamaEngine } from './ollama/ollama-engine.ts';
import { createOpenAiEngine } from './openai-compatible/openai-engine.ts';
import { toServerPaths } from './openai-compatible/paths.ts';
import { EngineHttp } from './transport/engine-http.ts';

/** A part of what the first survey may take: a server need not answer what only an Ollama is asked. */
const findMaxMs = 500;

/**
 * An engine that was named by its `/v1`. An Ollama is driven by its `/api` all the same: its `/v1` drops num_ctx, and a request
 * without it loads the model anew. What it is shows with its first answer, and is not asked again.
 */
export function createV1Engine(options: EngineOptions): Engine {
  const { url, apiKey, clock, logger } = options;
  const { origin, api, root } = toServerPaths(url);
  let engine = createOpenAiEngine(options);
  let clusterId: string | undefined;
  let isKnown = api === root;
  const becomeOllama = () => {
    const named = engine;
    const base = origin + root;
    engine = createOllamaEngine({ ...options, url: base });
    if (clusterId !== undefined) engine.nameCluster(clusterId);
    logger?.info('ollama-behind-v1', { url, drivenBy: `${base}/api`, why: 'its /v1 drops num_ctx, and models reload' });
    return named.close();
  };
  const find = async () => {
    const http = new EngineHttp({ origin, apiKey, clock });
    const deadline = new AbortController();
    const cancel = clock.schedule(findMaxMs, () => deadline.abort());
    try {
      if (await isOllama(http, root, deadline.signal)) await becomeOllama();
    } catch {
      // The survey says what is wrong.
    } finally {
      cancel();
      await http.close();
    }
  };
  return {
    get identity() {
      return engine.identity;
    },
    probe: {
      ping: (signal) => engine.probe.ping(signal),
      async survey(signal) {
        if (!isKnown && engine.identity.dialect === 'openai') await find();
        const survey = await engine.probe.survey(signal);
        isKnown = true;
        return survey;
      },
    },
    models: {
      load: (command, signal) => engine.models.load(command, signal),
      unload: (command, signal) => engine.models.unload(command, signal),
      operate: (request, content, signal) => engine.models.operate(request, content, signal),
    },
    run: (job, body, output) => engine.run(job, body, output),
    nameCluster(id) {
      clusterId = id;
      engine.nameCluster(id);
    },
    lastSignOfLife: () => engine.lastSignOfLife(),
    close: () => engine.close(),
  };
}
