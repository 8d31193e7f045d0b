import type { DialectName } from '@waggle/shared/chat/endpoints.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import type { Engine } from './engine.ts';
import { createLlamaEngine } from './llama/llama-engine.ts';
import { ModelStore } from './llama/models/model-store.ts';
import type { HubSettings } from './llama/pull/pull-settings.ts';
import { createOllamaEngine } from './ollama/ollama-engine.ts';
import type { OllamaSettings } from './ollama/survey.ts';
import { createV1Engine } from './v1-engine.ts';

/** What operators may decide about engines; each takes what concerns it. */
export type EngineSettings = OllamaSettings;

export interface EngineOptions {
  readonly engineId: string;
  readonly dialect: DialectName;
  readonly url: string;
  readonly apiKey?: string;
  readonly settings: EngineSettings;
  readonly clock: Clock;
  /** Told what became of an address that was meant otherwise. */
  readonly logger?: Logger;
}

/** Every kind of engine. A new one is a folder and a line here. */
const createEngineOf: Readonly<Record<DialectName, (options: EngineOptions) => Engine>> = {
  ollama: createOllamaEngine,
  openai: createV1Engine,
};

export function createEngine(options: EngineOptions): Engine {
  return createEngineOf[options.dialect](options);
}

export interface BuiltinOptions {
  /** Where its models are. */
  readonly folder: string;
  readonly hub: HubSettings;
  readonly settings: EngineSettings;
  readonly hasOtherModels: () => boolean;
  readonly clock: Clock;
  readonly logger?: Logger;
}

/** The engine that needs no server: llama.cpp, run by the node itself. */
export function createBuiltinEngine(options: BuiltinOptions): Engine {
  const { folder, hub, settings, hasOtherModels, clock, logger } = options;
  let changed = () => {};
  const store = new ModelStore({ folder, pulls: { hub }, onChange: () => changed() });
  const engine = createLlamaEngine({ store, settings, hasOtherModels, clock, logger });
  changed = () => engine.changed();
  return engine;
}
