import type { ModelCommand } from '@waggle/shared/lane-link/node-host.ts';
import { askObject } from '../ask-json.ts';
import { throwIfRefused, toThrown } from '../engine-error.ts';
import { type JsonObject, toObjects, toText } from '../json-facts.ts';
import { askEngine } from '../transport/ask-engine.ts';
import type { EngineHttp } from '../transport/engine-http.ts';
import type { ServerPaths } from './paths.ts';
import type { ServerKind } from './server-kind.ts';

/**
 * Loading and unloading where the server can: LM Studio and llama-swap. The others have their model from start to end, so
 * there is nothing to do.
 */
export class OpenAiResidency {
  readonly #http: EngineHttp;
  readonly #paths: ServerPaths;
  readonly #kind: () => ServerKind | undefined;
  readonly loading = new Set<string>();

  constructor(http: EngineHttp, paths: ServerPaths, kind: () => ServerKind | undefined) {
    this.#http = http;
    this.#paths = paths;
    this.#kind = kind;
  }

  async load({ model, pins }: ModelCommand, signal: AbortSignal): Promise<void> {
    const kind = this.#kind();
    if (kind !== 'lm-studio' && kind !== 'llama-swap') return;
    this.loading.add(model);
    try {
      if (kind === 'lm-studio') await this.#post('/api/v1/models/load', { model, context_length: pins.numCtx }, signal);
      // llama-swap loads a model when something is asked of it.
      else await this.#ask('GET', `/upstream/${encodeURIComponent(model)}/health`, undefined, signal);
    } finally {
      this.loading.delete(model);
    }
  }

  async unload({ model }: ModelCommand, signal: AbortSignal): Promise<void> {
    switch (this.#kind()) {
      case 'lm-studio':
        for (const instance of await this.#instances(model, signal)) {
          await this.#post('/api/v1/models/unload', { instance_id: instance }, signal);
        }
        return;
      case 'llama-swap':
        return this.#post(`/api/models/unload/${encodeURIComponent(model)}`, {}, signal);
      case 'vllm':
      case 'llama-server':
      case 'openai-compatible':
      case undefined:
    }
  }

  async #instances(model: string, signal: AbortSignal): Promise<readonly string[]> {
    const listed = await askObject(this.#http, `${this.#paths.root}/api/v1/models`, signal);
    const found = toObjects(listed?.['models']).find((entry) => entry['key'] === model);
    return toObjects(found?.['loaded_instances']).map((instance) => toText(instance['id']) ?? model);
  }

  #post(path: string, body: JsonObject, signal: AbortSignal): Promise<void> {
    return this.#ask('POST', path, body, signal);
  }

  async #ask(method: 'GET' | 'POST', path: string, body: JsonObject | undefined, signal: AbortSignal): Promise<void> {
    const request = { method, path: this.#paths.root + path, body: body && [Buffer.from(JSON.stringify(body))] };
    const reply = await askEngine(this.#http, request, signal).catch((thrown: unknown) => {
      throw toThrown(thrown);
    });
    throwIfRefused(reply, 'openai', 'openai.chat');
  }
}
