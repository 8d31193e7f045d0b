import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Logger } from '@waggle/shared/observing/logger.ts';
import { defaultOllamaUrl } from './candidates.ts';
import { type EngineAddress, toAddressKey } from './engine-address.ts';
import type { Answerer } from './identify.ts';

export interface EngineDiscoveryDeps {
  readonly candidates: readonly EngineAddress[];
  readonly identify: (address: EngineAddress, signal: AbortSignal) => Promise<Answerer>;
  /** Addresses of this machine, besides loopback. */
  readonly ownAddresses: () => ReadonlySet<string>;
  /** Resolves when the engine was asked once. */
  readonly found: (address: EngineAddress) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Something that answers where an engine may be, and is left alone. */
export interface Finding {
  readonly url: string;
  readonly what: string;
}

const lookEveryMs = 5_000;
const answerMaxMs = 2_000;
/** An engine of this machine says at once that it is one, whatever it does; its models are waited for. */
const startMaxMs = 300;

/**
 * Looks for local engines, again and again. An engine that was found stays: whether it is up is its monitor's to say. What
 * answers but is no engine is named once and left alone, and looked at again, for it may make place for one.
 */
export class EngineDiscovery {
  readonly #deps: EngineDiscoveryDeps;
  readonly #candidates: EngineAddress[];
  readonly #taken = new Set<string>();
  readonly #findings = new Map<string, Finding>();
  /** Engines that were found and are asked for the first time. */
  readonly #asked: Promise<void>[] = [];
  readonly #closing = new AbortController();
  #cancelTimer = () => {};

  constructor(deps: EngineDiscoveryDeps) {
    this.#deps = deps;
    this.#candidates = [...deps.candidates];
  }

  get findings(): readonly Finding[] {
    return [...this.#findings.values()];
  }

  /** Resolves when every candidate was looked at once; one that does not answer at first is looked at meanwhile. */
  async start(): Promise<void> {
    const { promise: enough, resolve } = Promise.withResolvers<void>();
    const cancel = this.#deps.clock.schedule(startMaxMs, resolve);
    void this.#look().then(resolve);
    await enough;
    cancel();
    await Promise.allSettled(this.#asked.splice(0));
  }

  stop(): void {
    this.#closing.abort();
    this.#cancelTimer();
  }

  async #look(): Promise<void> {
    const { clock, logger } = this.#deps;
    try {
      await this.#lookEverywhere();
    } catch (thrown) {
      // The system may be out of something, of file descriptors, say; the next look may find it well again.
      logger.warn('discovery-failed', { error: String(thrown) });
    }
    if (this.#closing.signal.aborted) return;
    this.#cancelTimer = clock.schedule(lookEveryMs, () => void this.#look());
  }

  async #lookEverywhere(): Promise<void> {
    const ownAddresses = this.#deps.ownAddresses();
    const looked = new Map<string, EngineAddress>();
    for (const candidate of this.#candidates) {
      const key = toAddressKey(candidate, ownAddresses);
      if (!this.#taken.has(key) && !looked.has(key)) looked.set(key, candidate);
    }
    await Promise.all([...looked].map(([key, candidate]) => this.#lookAt(key, candidate)));
  }

  async #lookAt(key: string, candidate: EngineAddress): Promise<void> {
    const { clock, identify, found, logger } = this.#deps;
    const deadline = new AbortController();
    const cancel = clock.schedule(answerMaxMs, () => deadline.abort());
    try {
      const answerer = await identify(candidate, AbortSignal.any([deadline.signal, this.#closing.signal]));
      if (this.#closing.signal.aborted) return;
      if (answerer.kind === 'engine') {
        this.#taken.add(key);
        this.#findings.delete(key);
        const asked = found(candidate);
        this.#asked.push(asked);
        await asked;
      } else if (answerer.kind === 'nobody') {
        this.#findings.delete(key);
      } else {
        this.#name(key, { url: candidate.url, what: answerer.what });
      }
    } catch (thrown) {
      logger.warn('discovery-failed', { url: candidate.url, error: String(thrown) });
    } finally {
      cancel();
    }
  }

  #name(key: string, finding: Finding): void {
    if (this.#findings.get(key)?.what === finding.what) return;
    this.#findings.set(key, finding);
    this.#deps.logger.info('not-an-engine', { url: finding.url, what: finding.what });
    // OLLAMA_HOST may name something else, such as Waggle for its clients: then Ollama itself is where it is by default.
    if (!this.#candidates.some(({ url }) => url === defaultOllamaUrl)) {
      const isOllamas = this.#candidates.some(
        (candidate) => candidate.dialect === 'ollama' && candidate.url === finding.url,
      );
      if (isOllamas) this.#candidates.push({ dialect: 'ollama', url: defaultOllamaUrl });
    }
  }
}
