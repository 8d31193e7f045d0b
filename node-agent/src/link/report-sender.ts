import type { NodeReport } from '@waggle/shared/cluster/node.ts';
import type { NodeReports } from '@waggle/shared/lane-link/node-host.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { ControlUp } from '@waggle/shared/wire/control-frames.ts';
import { toReportFrames } from '@waggle/shared/wire/report-parts.ts';

interface ReportSenderDeps {
  readonly reports: NodeReports;
  readonly clock: Clock;
  /** False: the stream is full; `drained` will be called. */
  readonly write: (frame: ControlUp) => boolean;
}

/** A host may change its report many times in a moment; each is the full state, so only the latest matters. */
const pauseMs = 50;

/** Sends a node's reports: the first at once, then the latest, with a pause between, and none into a full stream. */
export class ReportSender {
  readonly #deps: ReportSenderDeps;
  readonly #unsubscribe: () => void;
  #isDraining = false;
  #isDue = false;
  #isPausing = false;
  #isFull = false;
  #isClosed = false;

  constructor(deps: ReportSenderDeps) {
    this.#deps = deps;
    this.#unsubscribe = deps.reports.subscribe(() => this.send());
  }

  /** Reports say from now on that the node drains, whatever the host says. */
  drain(): void {
    this.#isDraining = true;
    this.send();
  }

  /** The latest report, now or soon. */
  send(): void {
    this.#isDue = true;
    this.#sendDue();
  }

  /** Sends a report that is due without a pause, so that it arrives before what is written next. */
  flush(): void {
    if (this.#isDue && !this.#isFull && !this.#isClosed) this.#sendNow();
  }

  drained(): void {
    this.#isFull = false;
    this.#sendDue();
  }

  close(): void {
    this.#isClosed = true;
    this.#unsubscribe();
  }

  #sendDue(): void {
    if (!this.#isDue || this.#isPausing || this.#isFull || this.#isClosed) return;
    this.#isPausing = true;
    this.#deps.clock.schedule(pauseMs, () => {
      this.#isPausing = false;
      this.#sendDue();
    });
    this.#sendNow();
  }

  #sendNow(): void {
    this.#isDue = false;
    for (const frame of toReportFrames(this.#report())) {
      if (!this.#deps.write(frame)) this.#isFull = true;
    }
  }

  #report(): NodeReport {
    const report = this.#deps.reports.current();
    return this.#isDraining ? { ...report, draining: true } : report;
  }
}
