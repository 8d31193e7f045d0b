import type { Hardware, NodeIdentity, NodeReport } from '@waggle/shared/cluster/node.ts';
import type { LaneLink } from '@waggle/shared/lane-link/lane-link.ts';
import { ClusterEngine } from './cluster-engine.ts';
import type { NodeState, NodeView } from './views.ts';

const transitions: Record<NodeState, readonly NodeState[]> = {
  active: ['suspect', 'draining', 'left'],
  suspect: ['active', 'draining', 'left'],
  draining: ['active', 'left'],
  left: ['active', 'draining'],
};

const rttSmoothing = 0.2;

/** What the operator says about a machine; the name, if there is one, is what everybody calls it. */
export interface GivenFacts {
  readonly name?: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

/** A machine of the cluster. Survives reconnects of its agent: what was learned about it stays. */
export class ClusterNode implements NodeView {
  identity: NodeIdentity;
  report: NodeReport;
  link: LaneLink | undefined;
  joinedAt: string;
  leftAt: number | undefined;
  rttMs = 0;
  given: GivenFacts = { labels: {} };
  #state: NodeState = 'active';
  readonly #engines = new Map<string, ClusterEngine>();

  constructor(link: LaneLink, report: NodeReport) {
    this.identity = link.identity;
    this.link = link;
    this.report = report;
    this.joinedAt = new Date().toISOString();
  }

  get name(): string {
    return this.given.name ?? this.identity.name;
  }

  get labels(): Readonly<Record<string, string>> {
    return this.given.labels;
  }

  get state(): NodeState {
    return this.#state;
  }

  get hardware(): Hardware {
    return this.report.hardware;
  }

  get address(): string {
    return this.link?.address ?? '';
  }

  get epoch(): number {
    return this.link?.epoch ?? 0;
  }

  get engines(): readonly ClusterEngine[] {
    return [...this.#engines.values()];
  }

  engine(engineId: string): ClusterEngine | undefined {
    return this.#engines.get(engineId);
  }

  rejoin(link: LaneLink, report: NodeReport): void {
    this.identity = link.identity;
    this.link = link;
    this.joinedAt = new Date().toISOString();
    this.leftAt = undefined;
    // It may have been given another key.
    for (const engine of this.#engines.values()) engine.admit();
    this.update(report);
    this.move(report.draining ? 'draining' : 'active');
  }

  /** Takes over a full report. True: some engine's set of model names changed. */
  update(report: NodeReport): boolean {
    this.report = report;
    let changed = false;
    for (const engineReport of report.engines) {
      let engine = this.#engines.get(engineReport.engineId);
      if (engine === undefined) {
        engine = new ClusterEngine(this, engineReport);
        this.#engines.set(engineReport.engineId, engine);
      }
      changed = engine.update(engineReport) || changed;
    }
    for (const [engineId, engine] of this.#engines) {
      if (report.engines.some((known) => known.engineId === engineId)) continue;
      changed = engine.update({ ...engine.report, health: 'down', models: [] }) || changed;
      if (engine.lanes.busy + engine.lanes.idle === 0) this.#engines.delete(engineId);
    }
    return changed;
  }

  measureRtt(roundTripMs: number): void {
    this.rttMs = this.rttMs === 0 ? roundTripMs : this.rttMs + rttSmoothing * (roundTripMs - this.rttMs);
  }

  /** Same state: nothing happens. */
  move(next: NodeState): void {
    if (next === this.#state) return;
    if (!transitions[this.#state].includes(next)) throw new Error(`node ${this.name}: ${this.#state} → ${next}`);
    this.#state = next;
  }
}
