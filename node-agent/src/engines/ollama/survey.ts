import { askObject, askProbe, toJson } from '../ask-json.ts';
import type { EngineProbe, EngineSurvey, SlotSettings } from '../engine.ts';
import { EngineProblem } from '../engine-problem.ts';
import { type JsonObject, toObjects, toText } from '../json-facts.ts';
import type { EngineHttp } from '../transport/engine-http.ts';
import { type ShownModel, toModelReports, toShownModel } from './models.ts';

export interface OllamaSurveyDeps {
  readonly http: EngineHttp;
  readonly pathPrefix: string;
  readonly settings: OllamaSettings;
  /** Names of the models that are being loaded at this node's wish. */
  readonly loading: ReadonlySet<string>;
  /** Names of the models that jobs of this node run on now. */
  readonly inUse: () => Iterable<string>;
}

export interface OllamaSettings extends SlotSettings {
  /** `OLLAMA_CONTEXT_LENGTH`. */
  readonly contextLength?: number;
}

/** Ollama's own defaults: context of a model on a CPU or a small GPU, models it holds at once. */
const defaultNumCtx = 4096;
const defaultLoadedModels = 3;
/** Questions about single models in one survey, so that the first one of a large library does not take long. */
const showsPerSurvey = 24;
const showsAtOnce = 4;

/** What an Ollama tells about itself. */
export class OllamaProbe implements EngineProbe {
  readonly #deps: OllamaSurveyDeps;
  readonly #shown = new Map<string, ShownModel>();
  #version = '';

  constructor(deps: OllamaSurveyDeps) {
    this.#deps = deps;
  }

  /** Newest version seen; empty before the first ping. */
  get version(): string {
    return this.#version;
  }

  async ping(signal: AbortSignal): Promise<void> {
    const version = toText((await this.#get('/api/version', signal))?.['version']);
    if (version === undefined) throw new EngineProblem('not-an-engine', 'what answers there is no Ollama');
    this.#version = version;
  }

  async survey(signal: AbortSignal): Promise<EngineSurvey> {
    const { http, pathPrefix, settings, loading, inUse } = this.#deps;
    // Before the question: the answer may be older than the end of a job.
    const busy = new Set(inUse());
    const [tagsBody, ps] = await Promise.all([
      this.#get('/api/tags', signal),
      askProbe(http, `${pathPrefix}/api/ps`, signal),
      this.ping(signal),
    ]);
    if (tagsBody === undefined) throw new EngineProblem('no-answer', '/api/tags gives no list of models');
    const tags = toObjects(tagsBody['models']);
    await this.#showNew(tags, signal);
    const parallel = settings.numParallel ?? settings.slots ?? 1;
    const held = settings.maxLoadedModels ?? defaultLoadedModels;
    return {
      kind: 'ollama',
      version: this.#version,
      slots: Math.min(settings.slots ?? Number.POSITIVE_INFINITY, parallel * held),
      models: toModelReports({
        tags,
        resident: toObjects(toJson(ps)?.['models']),
        shown: this.#shown,
        loading,
        inUse: busy,
        engineTime: engineTimeOf(ps.headers['date']),
        parallel,
        defaultNumCtx: settings.contextLength ?? defaultNumCtx,
      }),
    };
  }

  #get(path: string, signal: AbortSignal): Promise<JsonObject | undefined> {
    return askObject(this.#deps.http, this.#deps.pathPrefix + path, signal);
  }

  async #showNew(tags: readonly JsonObject[], signal: AbortSignal): Promise<void> {
    const listed = new Map<string, string>();
    for (const tag of tags) {
      const digest = toText(tag['digest']);
      const name = toText(tag['name']);
      if (digest !== undefined && name !== undefined) listed.set(digest, name);
    }
    for (const digest of this.#shown.keys()) if (!listed.has(digest)) this.#shown.delete(digest);
    const missing = [...listed].filter(([digest]) => !this.#shown.has(digest)).slice(0, showsPerSurvey);
    const next = missing.values();
    await Promise.all(Array.from({ length: showsAtOnce }, () => this.#showAll(next, signal)));
  }

  async #showAll(models: Iterable<[string, string]>, signal: AbortSignal): Promise<void> {
    const { http, pathPrefix } = this.#deps;
    for (const [digest, model] of models) {
      const show = await askObject(http, `${pathPrefix}/api/show`, signal, { model });
      this.#shown.set(digest, show === undefined ? {} : toShownModel(show));
    }
  }
}

/** `expires_at` is by the engine's clock, which need not be ours. */
function engineTimeOf(date: string | readonly string[] | undefined): number {
  const told = typeof date === 'string' ? Date.parse(date) : Number.NaN;
  return Number.isNaN(told) ? Date.now() : told;
}
