import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { GgufHeader } from './models/gguf-header.ts';
import type { StoredModel } from './models/model-store.ts';
import type { FileInspector, Inspected } from './process/file-inspector.ts';
import type { ModelFacts } from './process/model-facts.ts';

/** What the files of models are, each looked at once as long as it stays what it is: the store reads the header of a changed one anew. */
export class FactsCache {
  readonly #inspector: Pick<FileInspector, 'inspect'>;
  readonly #asked = new Map<GgufHeader, Promise<Inspected>>();
  readonly #known = new Map<GgufHeader, Inspected>();

  constructor(inspector: Pick<FileInspector, 'inspect'>) {
    this.#inspector = inspector;
  }

  /**
   * Looks at files that were not looked at; resolves when all were, or `signal` aborts: then `late` is called with what comes after
   * it. Forgets files that are gone.
   */
  async prepare(models: readonly StoredModel[], signal: AbortSignal, late: () => void): Promise<void> {
    const keys = new Set(models.map(({ header }) => header));
    for (const key of this.#asked.keys()) {
      if (keys.has(key)) continue;
      this.#asked.delete(key);
      this.#known.delete(key);
    }
    const all = Promise.all(models.map((model) => this.#look(model, signal, late)));
    const enough = Promise.withResolvers<void>();
    const stop = () => enough.resolve();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    await Promise.race([all, enough.promise]);
    signal.removeEventListener('abort', stop);
  }

  async #look(model: StoredModel, signal: AbortSignal, late: () => void): Promise<void> {
    if (this.#known.has(model.header)) return;
    await this.#ask(model);
    if (signal.aborted) late();
  }

  /** Undefined: not looked at yet, or unreadable. */
  known(model: StoredModel): ModelFacts | undefined {
    const inspected = this.#known.get(model.header);
    return inspected?.kind === 'facts' ? inspected.facts : undefined;
  }

  /** Why the model cannot be used. */
  problem(model: StoredModel): string | undefined {
    const inspected = this.#known.get(model.header);
    return inspected?.kind === 'unreadable' ? inspected.message : undefined;
  }

  /** @throws ClusterError in words where the file cannot be used */
  async get(model: StoredModel): Promise<ModelFacts> {
    const inspected = await this.#ask(model);
    if (inspected.kind === 'facts') return inspected.facts;
    throw new ClusterError('engine-failed', `${model.name} cannot be used: ${inspected.message}`);
  }

  #ask(model: StoredModel): Promise<Inspected> {
    const key = model.header;
    const asked = this.#asked.get(key) ?? this.#inspector.inspect(model.path);
    if (!this.#asked.has(key)) {
      this.#asked.set(key, asked);
      void asked.then((inspected) => {
        if (this.#asked.get(key) === asked) this.#known.set(key, inspected);
      });
    }
    return asked;
  }
}
