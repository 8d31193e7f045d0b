import type { Logger } from '@waggle/shared/observing/logger.ts';
import { compareConfigs } from './compare-configs.ts';
import type { CompiledConfig } from './compiled-config.ts';
import { ConfigError } from './config-error.ts';
import type { ConfigInputs } from './load.ts';
import { type RereadConfig, rereadConfig } from './read-config.ts';

export interface ConfigReloaderDeps {
  readonly inputs: ConfigInputs;
  /** What the program was started with. */
  readonly started: CompiledConfig;
  /** Makes it so; what of it cannot change is as it was at the start. */
  readonly apply: (config: CompiledConfig) => void;
  readonly logger: Logger;
}

/** Takes up what changed in the configuration, whole or not at all. */
export class ConfigReloader {
  readonly #deps: ConfigReloaderDeps;
  #running: CompiledConfig;
  #text: string | undefined;
  #isRead = false;

  constructor(deps: ConfigReloaderDeps) {
    this.#deps = deps;
    this.#running = deps.started;
  }

  /** The file may be another one. Of a text that was read before nothing is said again. */
  fileChanged(): void {
    this.#reload({ isAsked: false });
  }

  /** Somebody wants it read, and to hear of it. */
  asked(): void {
    this.#reload({ isAsked: true });
  }

  #reload({ isAsked }: { readonly isAsked: boolean }): void {
    const { started, logger } = this.#deps;
    const isFirst = !this.#isRead;
    const before = this.#text;
    let reread: RereadConfig;
    try {
      reread = rereadConfig(this.#inputs(), started);
    } catch (thrown) {
      if (!(thrown instanceof ConfigError)) throw thrown;
      if (isAsked || isFirst || this.#text !== before) this.#reject(thrown);
      return;
    }
    const { config, restart } = reread;
    const { live } = compareConfigs(this.#running.settings, config.settings);
    const isNothing = live.length + restart.length === 0;
    if (!isAsked && (isFirst ? isNothing : this.#text === before)) return;
    const notices = config.notices.filter((notice) => !this.#running.notices.includes(notice));
    this.#running = config;
    this.#deps.apply(config);
    logger.info('config-reloaded', { file: config.filePlace, changed: live, ...(notices.length > 0 && { notices }) });
    if (restart.length > 0) logger.warn('config-needs-restart', { file: config.filePlace, keys: restart });
  }

  #reject(error: ConfigError): void {
    const problems = [error, ...error.also].map(({ message }) => message);
    const file = this.#deps.started.filePlace;
    this.#deps.logger.error('config-rejected', { file, problems, still: 'the configuration before it' });
  }

  /** Those of the start, and a note of what the file says now. */
  #inputs(): ConfigInputs {
    const { inputs } = this.#deps;
    this.#isRead = true;
    const readText = (path: string): string | undefined => {
      try {
        const text = inputs.readText(path);
        this.#text = text;
        return text;
      } catch (thrown) {
        this.#text = String(thrown);
        throw thrown;
      }
    };
    return { ...inputs, readText };
  }
}
