import type { Capability, ModelState } from '@waggle/shared/cluster/model.ts';
import type { BoundJob } from '../cluster/engine-lanes.ts';
import type { ServedModel } from '../cluster/served-model.ts';
import type { NodeState } from '../cluster/views.ts';
import { Breaker, type BreakerState } from './breaker.ts';
import type { Placement } from './placement.ts';
import { toMemoryBytes, toPriors } from './priors.ts';
import { Rates } from './rates.ts';

/** The scheduler's own knowledge of one served model, and the live view the choice reads. Only the scheduler changes it. */
export class ServedPlacement implements Placement {
  readonly served: ServedModel;
  readonly rates: Rates;
  readonly guard: Breaker;
  restUntil = 0;
  /** 429s without a given pause, one after the other. */
  restsInRow = 0;
  lastBoundAt = 0;
  loadingSince: number | undefined;
  /** Context the model is kept resident with; the largest any client asked for. */
  pinnedCtx: number | undefined;
  /** Until when its clients want it resident, on the scheduler's clock; infinite: for ever. */
  keepUntil = 0;

  constructor(served: ServedModel, onProbeDue: (placement: ServedPlacement) => void) {
    this.served = served;
    this.rates = new Rates(() => toPriors(served.engine.node.hardware, served.report.sizeBytes));
    this.guard = new Breaker(() => onProbeDue(this));
  }

  get node(): string {
    return this.served.engine.node.name;
  }

  get engineId(): string {
    return this.served.engine.engineId;
  }

  get model(): string {
    return this.served.report.name;
  }

  get nodeState(): NodeState {
    return this.served.engine.node.state;
  }

  get engineUp(): boolean {
    return this.served.engine.report.health === 'up';
  }

  get modelState(): ModelState {
    return this.served.report.state;
  }

  get capabilities(): readonly Capability[] | undefined {
    return this.served.report.capabilities;
  }

  get contextLength(): number | undefined {
    return this.served.report.contextLength;
  }

  get numCtx(): number | undefined {
    return this.served.report.numCtx;
  }

  get parallel(): number {
    return this.served.report.parallel;
  }

  get running(): ReadonlySet<BoundJob> {
    return this.served.running;
  }

  get foreignJobs(): number {
    return this.served.engine.report.foreignJobs ?? 0;
  }

  get idleLanes(): number {
    return this.served.engine.lanes.idle;
  }

  get busyLanes(): number {
    return this.served.engine.lanes.busy;
  }

  busyJobs(): Iterable<BoundJob> {
    return this.served.engine.lanes.jobs();
  }

  get rttMs(): number {
    return this.served.engine.node.rttMs;
  }

  get sizeBytes(): number {
    return this.served.report.sizeBytes;
  }

  get memoryBytes(): number {
    return toMemoryBytes(this.served.engine.node.hardware);
  }

  get breaker(): BreakerState {
    return this.guard.state;
  }

  get probing(): boolean {
    return this.guard.probing;
  }
}
