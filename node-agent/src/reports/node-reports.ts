import type { EngineReport, Hardware, NodeReport } from '@waggle/shared/cluster/node.ts';
import type { NodeReports as NodeReportsPort } from '@waggle/shared/lane-link/node-host.ts';

/** Where the parts of a report come from; each is asked when a report is made. */
export interface ReportSources {
  readonly hardware: () => Hardware;
  readonly engines: () => readonly EngineReport[];
  readonly memoryAvailableBytes: () => number;
  readonly draining: () => boolean;
  readonly waitingJobs: () => number;
  readonly labels: Readonly<Record<string, string>>;
}

/** Free memory moves all the time; it is worth a report of its own only when it moved by so much of the whole. */
const memoryStep = 0.02;

/** Full-state reports of a node. Several changes within one turn make one report. */
export class NodeReports implements NodeReportsPort {
  readonly #sources: ReportSources;
  readonly #listeners = new Set<(report: NodeReport) => void>();
  #current: NodeReport;
  #isScheduled = false;

  constructor(sources: ReportSources) {
    this.#sources = sources;
    this.#current = this.#make(1);
  }

  current(): NodeReport {
    return this.#current;
  }

  subscribe(listener: (report: NodeReport) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Something reported changed. */
  changed(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#current = this.#make(this.#current.sequence + 1);
      for (const listener of this.#listeners) listener(this.#current);
    });
  }

  /** To be called from time to time: reports free memory when it moved far. */
  measureMemory(): void {
    const { memoryAvailableBytes, hardware } = this.#current;
    const moved = Math.abs(this.#sources.memoryAvailableBytes() - memoryAvailableBytes);
    if (moved > hardware.memoryBytes * memoryStep) this.changed();
  }

  #make(sequence: number): NodeReport {
    const { hardware, engines, memoryAvailableBytes, draining, waitingJobs, labels } = this.#sources;
    return {
      sequence,
      hardware: hardware(),
      engines: engines(),
      memoryAvailableBytes: memoryAvailableBytes(),
      draining: draining(),
      waitingJobs: waitingJobs(),
      labels,
    };
  }
}
