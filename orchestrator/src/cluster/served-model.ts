import type { ModelReport } from '@waggle/shared/cluster/model.ts';
import { Roster } from '@waggle/shared/collections/roster.ts';
import type { ClusterEngine } from './cluster-engine.ts';
import type { BoundJob } from './engine-lanes.ts';
import type { ServedModelView } from './views.ts';

/** A model on one engine of one node: where a job can go. Its identity outlives reports and reconnects. */
export class ServedModel implements ServedModelView {
  readonly engine: ClusterEngine;
  /** Shared by all spellings of the name. */
  readonly key: string;
  #report: ModelReport;
  toldUntil = 0;
  /** Jobs of this model on lanes of its engine, draining ones included: `own` of the parallel limit. */
  readonly running = new Roster<BoundJob>();

  constructor(engine: ClusterEngine, key: string, report: ModelReport) {
    this.engine = engine;
    this.key = key;
    this.#report = report;
  }

  get report(): ModelReport {
    return this.#report;
  }

  set report(report: ModelReport) {
    this.#report = report;
    this.toldUntil = 0;
  }

  get name(): string {
    return this.report.name;
  }
}
