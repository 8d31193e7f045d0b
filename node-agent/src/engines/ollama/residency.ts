import { endpoints } from '@waggle/shared/chat/endpoints.ts';
import type { ModelCommand } from '@waggle/shared/lane-link/node-host.ts';
import { throwIfRefused, toThrown } from '../engine-error.ts';
import type { JsonObject } from '../json-facts.ts';
import { askEngine } from '../transport/ask-engine.ts';
import type { EngineHttp } from '../transport/engine-http.ts';

/** Loads and unloads by Ollama's empty requests. */
export class OllamaResidency {
  readonly #http: EngineHttp;
  readonly #pathPrefix: string;
  /** Names of models whose load is on its way. */
  readonly loading = new Set<string>();

  constructor(http: EngineHttp, pathPrefix: string) {
    this.#http = http;
    this.#pathPrefix = pathPrefix;
  }

  async load({ model, pins }: ModelCommand, signal: AbortSignal): Promise<void> {
    const body: Record<string, unknown> = { model, stream: false };
    if (pins.keepAliveSeconds !== undefined) body['keep_alive'] = pins.keepAliveSeconds;
    const { numCtx, startOptions } = pins;
    if (numCtx !== undefined || startOptions !== undefined) body['options'] = { num_ctx: numCtx, ...startOptions };
    this.loading.add(model);
    try {
      await this.#ask('ollama.generate', body, signal).catch(async (thrown: unknown) => {
        // A model for embeddings alone has no generate; its own empty request loads it.
        if (!isUnfitForGenerate(thrown)) throw thrown;
        await this.#ask('ollama.embed', body, signal);
      });
    } finally {
      this.loading.delete(model);
    }
  }

  async unload({ model }: ModelCommand, signal: AbortSignal): Promise<void> {
    await this.#ask('ollama.generate', { model, keep_alive: 0, stream: false }, signal);
  }

  async #ask(endpoint: 'ollama.generate' | 'ollama.embed', body: JsonObject, signal: AbortSignal): Promise<void> {
    const path = this.#pathPrefix + endpoints[endpoint].path;
    const request = { method: 'POST', path, body: [Buffer.from(JSON.stringify(body))] } as const;
    const reply = await askEngine(this.#http, request, signal).catch((thrown: unknown) => {
      throw toThrown(thrown);
    });
    throwIfRefused(reply, 'ollama', endpoint);
  }
}

function isUnfitForGenerate(thrown: unknown): boolean {
  return thrown instanceof Error && /does not support (?:generate|completion|chat)/.test(thrown.message);
}
