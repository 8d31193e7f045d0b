import { askObject, askProbe } from '../ask-json.ts';
import type { EngineProbe, EngineSurvey, SlotSettings } from '../engine.ts';
import { EngineProblem } from '../engine-problem.ts';
import { type JsonObject, toCount, toNumber, toObjects, toText } from '../json-facts.ts';
import type { EngineHttp } from '../transport/engine-http.ts';
import { readModelList } from './model-list.ts';
import { toModelReports } from './models.ts';
import type { ServerPaths } from './paths.ts';
import { countRunning } from './running-jobs.ts';
import { findServerKind, type ServerKind, toEngineKind } from './server-kind.ts';

export interface OpenAiProbeDeps {
  readonly http: EngineHttp;
  readonly paths: ServerPaths;
  readonly settings: SlotSettings;
  readonly loading: ReadonlySet<string>;
}

/** Jobs at once where neither the server nor its operator says. */
const defaultSlots: Readonly<Record<ServerKind, number>> = {
  vllm: 32,
  'llama-server': 4,
  'lm-studio': 1,
  'llama-swap': 4,
  'openai-compatible': 4,
};

/** What an OpenAI-compatible server tells about itself, by whichever of its calls it has. */
export class OpenAiProbe implements EngineProbe {
  readonly #deps: OpenAiProbeDeps;
  readonly #firstSeen = new Map<string, string>();
  #kind: ServerKind | undefined;

  constructor(deps: OpenAiProbeDeps) {
    this.#deps = deps;
  }

  /** Undefined until the first survey, and after the server was away: another one may have come. */
  get kind(): ServerKind | undefined {
    return this.#kind;
  }

  async ping(signal: AbortSignal): Promise<void> {
    const { http, paths } = this.#deps;
    try {
      if (this.#kind !== 'vllm' && this.#kind !== 'llama-server') return void (await this.#list(signal));
      const { status } = await askProbe(http, `${paths.root}/health`, signal);
      if (status === 503) throw new EngineProblem('loading', 'it is loading its model');
      if (status !== 200) throw new EngineProblem('no-answer', `/health answers ${status}`);
    } catch (thrown) {
      this.#kind = undefined;
      throw thrown;
    }
  }

  async survey(signal: AbortSignal): Promise<EngineSurvey> {
    const { http, paths, settings, loading } = this.#deps;
    const listed = await this.#list(signal);
    this.#kind ??= await findServerKind(http, paths, listed, signal);
    const kind = this.#kind;
    const [props, native, running, version, runningJobs] = await Promise.all([
      kind === 'llama-server' ? askObject(http, `${paths.root}/props`, signal) : undefined,
      kind === 'lm-studio' ? askObject(http, `${paths.root}/api/v1/models`, signal) : undefined,
      kind === 'llama-swap' ? askObject(http, `${paths.root}/running`, signal) : undefined,
      kind === 'vllm' ? askObject(http, `${paths.root}/version`, signal) : undefined,
      countRunning(http, paths, kind, signal),
    ]);
    const told = toCount(props?.['total_slots']);
    const slots = told === undefined ? (settings.slots ?? defaultSlots[kind]) : Math.min(told, settings.slots ?? told);
    this.#remember(listed);
    return {
      kind: toEngineKind(kind),
      version: toText(version?.['version']) ?? toText(props?.['build_info']) ?? '',
      slots,
      models: toModelReports({
        kind,
        listed,
        native: toObjects(native?.['models']),
        props: props ?? {},
        running: toObjects(running?.['running']),
        loading,
        parallel: slots,
        firstSeen: this.#firstSeen,
      }),
      runningJobs,
    };
  }

  async #list(signal: AbortSignal): Promise<readonly JsonObject[]> {
    const { http, paths } = this.#deps;
    const reply = await askProbe(http, `${paths.api}/models`, signal);
    const listed = readModelList(reply);
    if (listed === 'loading') throw new EngineProblem('loading', 'it is loading its model');
    if (listed !== undefined) return listed;
    throw new EngineProblem('not-an-engine', `${paths.api}/models gives no list of models (status ${reply.status})`);
  }

  #remember(listed: readonly JsonObject[]): void {
    for (const entry of listed) {
      const id = toText(entry['id']);
      if (id === undefined || this.#firstSeen.has(id)) continue;
      const created = toNumber(entry['created']);
      this.#firstSeen.set(id, new Date(created === undefined ? Date.now() : created * 1000).toISOString());
    }
  }
}
