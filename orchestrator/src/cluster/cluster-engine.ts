import type { EngineReport } from '@waggle/shared/cluster/node.ts';
import type { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { ClusterNode } from './cluster-node.ts';
import { EngineLanes } from './engine-lanes.ts';
import { toModelKey } from './model-names.ts';
import { ServedModel } from './served-model.ts';
import type { EngineView } from './views.ts';

interface Rejection {
  readonly error: ClusterError;
  /** Undefined: it refuses everything. */
  readonly model: string | undefined;
}

/** One engine of a node, with its lanes and what it serves now. */
export class ClusterEngine implements EngineView {
  readonly node: ClusterNode;
  readonly engineId: string;
  /** As the node tells it, but down while the engine rejects our credentials: its own probe may need none. */
  report: EngineReport;
  readonly lanes = new EngineLanes();
  /** Kept by the registry, which knows the others. */
  usedThrough: ClusterEngine | undefined;
  /** How often it came up: what it said before may differ from what it says now. */
  starts = 0;
  #served = new Map<string, ServedModel>();
  /** Kept when a model disappears, so that one that comes back has its learned rates again. */
  readonly #known = new Map<string, ServedModel>();

  #told: EngineReport;
  #rejection: Rejection | undefined;

  constructor(node: ClusterNode, report: EngineReport) {
    this.node = node;
    this.engineId = report.engineId;
    this.report = report;
    this.#told = report;
  }

  /** Why it is out: it rejects our credentials, which its operator must mend. */
  get rejection(): ClusterError | undefined {
    return this.#rejection?.model === undefined ? this.#rejection?.error : undefined;
  }

  /** `model`: it refused one request for it only, and goes on with others. False: as much is known. */
  reject(error: ClusterError, model?: string): boolean {
    if (this.#rejection !== undefined && (model !== undefined || this.#rejection.model === undefined)) return false;
    this.#rejection = { error, model };
    this.#show();
    return true;
  }

  /** It may be tried again; with `error` only if that is why it was out. False: it was not. */
  admit(error = this.#rejection?.error): boolean {
    if (this.#rejection === undefined || this.#rejection.error !== error) return false;
    this.#rejection = undefined;
    this.#show();
    return true;
  }

  get models(): readonly ServedModel[] {
    return [...this.#served.values()];
  }

  served(key: string): ServedModel | undefined {
    return this.#served.get(key);
  }

  /** One engine may be seen by two agents of its machine: equal for both. */
  get identity(): string {
    return `${this.node.identity.machineId} ${this.report.url.replace('//localhost', '//127.0.0.1')}`;
  }

  /** Takes over a full report. True: its health or the set of model names changed. */
  update(report: EngineReport): boolean {
    const before = this.report.health;
    // It was away, and is another one now; or is away.
    if (report.health !== this.#told.health) this.#rejection = undefined;
    this.#told = report;
    this.#show();
    let changed = before !== this.report.health;
    if (changed && this.report.health === 'up') this.starts++;
    const next = new Map<string, ServedModel>();
    for (const model of report.models) {
      const key = toModelKey(model.name);
      let served = this.#known.get(key);
      if (served === undefined) {
        served = new ServedModel(this, key, model);
        this.#known.set(key, served);
      }
      served.report = model;
      next.set(key, served);
      changed ||= !this.#served.has(key);
    }
    changed ||= next.size !== this.#served.size;
    this.#served = next;
    this.#forgetOldest();
    return changed;
  }

  #show(): void {
    const told = this.#told;
    if (this.#rejection === undefined) this.report = told;
    else if (this.#rejection.model === undefined)
      this.report = { ...told, health: 'down', problem: this.#rejection.error.message };
    else {
      const refused = `it refused a request for ${this.#rejection.model}: ${this.#rejection.error.message}`;
      this.report = { ...told, problem: told.problem ?? refused };
    }
  }

  #forgetOldest(): void {
    for (const [key, served] of this.#known) {
      if (this.#known.size <= this.#served.size + keptAbsentModels) return;
      if (!this.#served.has(key) && served.running.size === 0) this.#known.delete(key);
    }
  }
}

const keptAbsentModels = 256;
