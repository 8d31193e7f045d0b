import type { CacheLimits } from './caching/response-cache.ts';
import { ModelSettings } from './cluster/model-settings.ts';
import type { CompiledConfig, LimitsConfig } from './config/compiled-config.ts';
import type { SchedulerLimits } from './scheduling/scheduler-limits.ts';

/**
 * What of the configuration can change while the program runs. Whoever needs it is given the object and reads it at the time of use;
 * `take` is the only one who writes.
 */
export class LiveSettings {
  readonly models = new ModelSettings();
  /** Names of the nodes of this process. */
  readonly ownNames = new Set<string>();
  readonly #limits: { -readonly [Name in keyof LimitsConfig]: LimitsConfig[Name] };
  readonly #scheduler: { -readonly [Name in keyof SchedulerLimits]: SchedulerLimits[Name] };
  readonly #cache: { -readonly [Name in keyof CacheLimits]: CacheLimits[Name] };
  #aliases: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(config: CompiledConfig) {
    this.#limits = { ...config.limits };
    this.#scheduler = toSchedulerLimits(config);
    this.#cache = toCacheLimits(config);
    this.take(config);
  }

  get limits(): LimitsConfig {
    return this.#limits;
  }

  get scheduler(): SchedulerLimits {
    return this.#scheduler;
  }

  get cache(): CacheLimits {
    return this.#cache;
  }

  readonly aliases = (): ReadonlyMap<string, readonly string[]> => this.#aliases;

  take(config: CompiledConfig): void {
    Object.assign(this.#limits, config.limits);
    Object.assign(this.#scheduler, toSchedulerLimits(config));
    Object.assign(this.#cache, toCacheLimits(config));
    this.#aliases = new Map(Object.entries(config.aliases));
    this.models.replace(config.models);
    this.ownNames.clear();
    if (config.local.enabled) this.ownNames.add(config.local.name);
    for (const node of config.nodes) if (node.kind === 'engine') this.ownNames.add(node.name);
  }
}

function toSchedulerLimits({ server, limits }: CompiledConfig): SchedulerLimits {
  const { queueSize, concurrency } = server;
  return { queueSize, concurrency, heldBytes: limits.heldBytes, modelLoadMaxMs: limits.modelLoadMaxMs };
}

function toCacheLimits({ cache: { maxBytes, ttlMs } }: CompiledConfig): CacheLimits {
  return { maxBytes, ttlMs };
}
