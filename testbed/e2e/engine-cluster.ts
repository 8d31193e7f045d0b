import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { ProcessCluster, type ProcessClusterOptions } from '../src/cluster/process-cluster.ts';
import { type OllamaEngineOptions, startOllamaEngine } from '../src/engines/ollama/start-ollama-engine.ts';
import { type OpenAiEngineOptions, startOpenAiEngine } from '../src/engines/openai/start-openai-engine.ts';
import type { ScriptedEngine } from '../src/engines/scripted-engine.ts';

export type EngineSpec =
  | ({ readonly ollama: OllamaEngineOptions } & EnginePlace)
  | ({ readonly openai: OpenAiEngineOptions } & EnginePlace);

interface EnginePlace {
  /** Slots of its agent, where they are not the engine's. */
  readonly slots?: number;
  /** Variables of its agent. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Scripted engines, each behind an agent of the same name, and an orchestrator: every program a process of its own. */
export class EngineCluster implements AsyncDisposable {
  readonly cluster: ProcessCluster;
  /** Neither client tries anything again by itself. */
  readonly ollama: Ollama;
  readonly openai: OpenAI;
  readonly #engines: ReadonlyMap<string, ScriptedEngine>;

  private constructor(cluster: ProcessCluster, engines: ReadonlyMap<string, ScriptedEngine>) {
    this.cluster = cluster;
    this.#engines = engines;
    this.ollama = new Ollama({ host: cluster.url });
    this.openai = new OpenAI({ baseURL: `${cluster.url}/v1`, apiKey: 'none', maxRetries: 0 });
  }

  static async start(
    specs: Readonly<Record<string, EngineSpec>>,
    options: Omit<ProcessClusterOptions, 'agents'> = {},
  ): Promise<EngineCluster> {
    const stack = new AsyncDisposableStack();
    const engines = new Map<string, ScriptedEngine>();
    try {
      const agents: ProcessClusterOptions['agents'][number][] = [];
      for (const [name, spec] of Object.entries(specs)) {
        const engine = stack.use(await startEngine(spec));
        engines.set(name, engine);
        const engineUrl = 'openai' in spec ? `${engine.url}/v1` : engine.url;
        agents.push({
          name,
          engineUrl,
          ...(spec.slots === undefined ? {} : { slots: spec.slots }),
          env: toAgentEnv(spec),
        });
      }
      const cluster = await ProcessCluster.start({ ...options, agents });
      return new EngineCluster(cluster, engines);
    } catch (thrown) {
      await stack[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  get url(): string {
    return this.cluster.url;
  }

  engine(name: string): ScriptedEngine {
    const engine = this.#engines.get(name);
    if (engine === undefined) throw new Error(`no engine ${name}`);
    return engine;
  }

  get engines(): readonly ScriptedEngine[] {
    return [...this.#engines.values()];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]();
    for (const engine of this.#engines.values()) await engine[Symbol.asyncDispose]();
  }
}

/** An agent is told what its Ollama was told. */
function toAgentEnv(spec: EngineSpec): Record<string, string> {
  const held = 'ollama' in spec ? spec.ollama.maxLoadedModels : undefined;
  return { ...(held === undefined ? {} : { OLLAMA_MAX_LOADED_MODELS: String(held) }), ...spec.env };
}

function startEngine(spec: EngineSpec): Promise<ScriptedEngine> {
  return 'openai' in spec ? startOpenAiEngine(spec.openai) : startOllamaEngine(spec.ollama);
}
