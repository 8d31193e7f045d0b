import type { ModelReport } from '@waggle/shared/cluster/model.ts';
import type { EngineReport, Hardware, NodeIdentity, NodeReport } from '@waggle/shared/cluster/node.ts';
import type { LaneLink } from '@waggle/shared/lane-link/lane-link.ts';

export const nodeStates = ['active', 'suspect', 'draining', 'left'] as const;
/** `suspect`: silent for a moment, nothing new is bound. `left`: gone; its models stay listed for a while. */
export type NodeState = (typeof nodeStates)[number];

/** The address of nodes of this very process. */
export const inProcess = 'in-process';

/** Read-only view of a node; live, never a copy. */
export interface NodeView {
  readonly identity: NodeIdentity;
  readonly name: string;
  readonly state: NodeState;
  readonly address: string;
  readonly epoch: number;
  readonly report: NodeReport;
  readonly hardware: Hardware;
  /** What the configuration says about it; what the node itself reports wins. */
  readonly labels: Readonly<Record<string, string>>;
  /** Smoothed round trip in milliseconds. */
  readonly rttMs: number;
  /** Wall clock of joining, RFC 3339. */
  readonly joinedAt: string;
  readonly engines: readonly EngineView[];
  /** The connection; undefined once the node left. */
  readonly link: LaneLink | undefined;
}

export interface EngineView {
  readonly node: NodeView;
  readonly engineId: string;
  readonly report: EngineReport;
  readonly lanes: LaneCounts;
  readonly models: readonly ServedModelView[];
  /** The same engine as another node has it, which is the one that gets the jobs; undefined: this one does. */
  readonly usedThrough: EngineView | undefined;
}

/** Derived from the lanes at the moment of asking. */
export interface LaneCounts {
  readonly idle: number;
  readonly bound: number;
  readonly draining: number;
}

/** A model on one engine of one node: where a job can go. */
export interface ServedModelView {
  readonly engine: EngineView;
  readonly name: string;
  readonly report: ModelReport;
  /** Until when its engine was told to keep it since it reported last, in milliseconds since 1970; infinite: for ever; 0: it was told nothing. */
  readonly toldUntil: number;
}

/** What the rest of the orchestrator may ask about the cluster. */
export interface ClusterView {
  readonly nodes: readonly NodeView[];
  node(name: string): NodeView | undefined;
  /** Every place that serves the model now or did until a moment ago; the name as a client writes it, without alias or `@node`. */
  served(model: string): readonly ServedModelView[];
  /** Nearest known names, best first, at most 3. */
  nearest(model: string): readonly string[];
}
