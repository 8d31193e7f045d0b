import type { JobHeader } from '@waggle/shared/cluster/job.ts';
import type { AcceptTicker } from '@waggle/shared/lane-link/accept-ticker.ts';
import type { JobObserver, Lane } from '@waggle/shared/lane-link/lane-link.ts';
import { cancelMaxMs } from '@waggle/shared/lane-link/link-failures.ts';
import type { NodeHost } from '@waggle/shared/lane-link/node-host.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import { InProcessJob } from './in-process-job.ts';

interface LaneDeps {
  readonly host: NodeHost;
  readonly clock: Clock;
  readonly ticker: AcceptTicker;
  /** Called when a job is over and the lane has none; the owner may close it. */
  readonly becameIdle: (lane: InProcessLane) => void;
  /** Called when the lane is to be given up; the job on it was not told yet. */
  readonly broke: (lane: InProcessLane, reason: string) => void;
}

export class InProcessLane implements Lane {
  readonly laneId: number;
  readonly engineId: string;
  readonly #deps: LaneDeps;
  #job: InProcessJob | undefined;
  #isClosed = false;
  #cancelGuard: (() => void) | undefined;

  constructor(laneId: number, engineId: string, deps: LaneDeps) {
    this.laneId = laneId;
    this.engineId = engineId;
    this.#deps = deps;
  }

  get isBusy(): boolean {
    return this.#job !== undefined;
  }

  /** Idle, or as good as idle: the slot behind it is free. */
  get hasFreeSlot(): boolean {
    return this.#job === undefined || this.#job.hasSaidLast;
  }

  bind(header: JobHeader, body: Uint8Array, observer: JobObserver): void {
    if (this.#job !== undefined) throw new Error(`lane ${this.laneId} is given a second job`);
    if (this.#isClosed) {
      setImmediate(() => observer.lost('the lane was closed before'));
      return;
    }
    const job = new InProcessJob(observer, { beforeEnd: this.#beforeEnd, afterEnd: this.#afterEnd });
    this.#job = job;
    job.start(this.#deps.host, header, body);
    this.#deps.ticker.watch(job);
  }

  cancel(): void {
    if (this.#job === undefined || this.#cancelGuard !== undefined) return;
    const seconds = cancelMaxMs / 1000;
    this.#cancelGuard = this.#deps.clock.schedule(cancelMaxMs, () =>
      this.#deps.broke(this, `a cancelled job did not end within ${seconds} s`),
    );
    this.#job.cancel();
  }

  pause(): void {
    this.#job?.pause();
  }

  resume(): void {
    this.#job?.resume();
  }

  /** Tells the job on it, then takes none any more. */
  close(reason: string): void {
    this.#isClosed = true;
    const job = this.#job;
    this.#forgetJob();
    job?.lose(reason);
  }

  readonly #beforeEnd = (): void => this.#forgetJob();

  readonly #afterEnd = (): void => {
    if (this.#job === undefined && !this.#isClosed) this.#deps.becameIdle(this);
  };

  #forgetJob(): void {
    this.#job = undefined;
    this.#cancelGuard?.();
    this.#cancelGuard = undefined;
  }
}
