import type { EngineCore } from './engine-core.ts';
import type { EngineServer } from './engine-server.ts';
import type { Fault, FaultBoard, FaultScope } from './faults.ts';
import type { RequestCounters, RequestLog } from './request-log.ts';
import type { ScriptedModel } from './scripted-model.ts';

/** State of an engine in figures. */
export interface EngineState {
  readonly listening: boolean;
  readonly counters: RequestCounters;
  readonly models: Readonly<Record<string, ModelActivity>>;
}

export interface ModelActivity {
  readonly resident: boolean;
  readonly running: number;
  readonly waiting: number;
  readonly maxConcurrent: number;
  /** How often it was loaded. */
  readonly loads: number;
}

/** Switches of a running engine. */
export class EngineControl {
  readonly #core: EngineCore;
  readonly #faults: FaultBoard;
  readonly #log: RequestLog;
  readonly #server: EngineServer;

  constructor(core: EngineCore, faults: FaultBoard, log: RequestLog, server: EngineServer) {
    this.#core = core;
    this.#faults = faults;
    this.#log = log;
    this.#server = server;
  }

  /** Switches a fault on for requests to come; the returned function takes it back. */
  inject(fault: Fault, scope?: FaultScope): () => void {
    return this.#faults.add(fault, scope);
  }

  /** Takes all faults back and listens again. */
  async heal(): Promise<void> {
    this.#faults.clear();
    await this.#server.accept();
  }

  /** The engine's port refuses connections; `drop` (the default) also breaks those that are there. */
  async refuse(connections: 'drop' | 'finish' = 'drop'): Promise<void> {
    await this.#server.refuse(connections);
  }

  get port(): number {
    return this.#server.port;
  }

  /** Connections are broken by the engine itself now. */
  get dropping(): boolean {
    return this.#server.dropping;
  }

  addModel(model: ScriptedModel): void {
    this.#core.addModel(model);
    this.#log.changed();
  }

  removeModel(name: string): boolean {
    return this.#core.removeModel(name);
  }

  get state(): EngineState {
    const models: Record<string, ModelActivity> = {};
    for (const { name } of this.#core.models) {
      models[name] = {
        resident: this.#core.residency.find(name) !== undefined,
        running: this.#core.running(name),
        waiting: this.#core.waiting(name),
        maxConcurrent: this.#core.maxConcurrent(name),
        loads: this.#core.residency.loadCounts.get(name) ?? 0,
      };
    }
    return { listening: this.#server.listening, counters: this.#log.counters, models };
  }

  get requests(): RequestLog {
    return this.#log;
  }
}
