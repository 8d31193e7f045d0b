import type { StartOptions } from '@waggle/shared/cluster/job.ts';
import type { Capability, ModelReport, ModelState } from '@waggle/shared/cluster/model.ts';
import type { Hardware } from '@waggle/shared/cluster/node.ts';
import type { Roster } from '@waggle/shared/collections/roster.ts';
import type { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { BoundJob } from '../cluster/engine-lanes.ts';
import { type ModelSetting, type ModelSettings, noSetting } from '../cluster/model-settings.ts';
import type { ServedModel } from '../cluster/served-model.ts';
import type { NodeState } from '../cluster/views.ts';
import { Breaker, type BreakerState } from './breaker.ts';
import type { ClusterRates } from './cluster-rates.ts';
import { type Refusal, refusalWithout } from './engine-refusals.ts';
import type { EngineRoom } from './engine-room.ts';
import { LanelessTime } from './laneless.ts';
import type { Placement } from './placement.ts';
import { toFastMemoryBytes, toMemoryBytes, toPriors } from './priors.ts';
import { type RatePriors, Rates } from './rates.ts';
import { toKeepUntil } from './stay.ts';

interface Surroundings {
  readonly rates: ClusterRates;
  readonly room: EngineRoom;
  readonly settings: ModelSettings;
  readonly placement: (served: ServedModel) => ServedPlacement;
  readonly onProbeDue: (placement: ServedPlacement) => void;
  readonly onHealed: () => void;
}

/** The scheduler's own knowledge of one served model, and the live view the choice reads. Only the scheduler changes it. */
export class ServedPlacement implements Placement {
  readonly served: ServedModel;
  readonly rates: Rates;
  readonly guard: Breaker;
  readonly room: EngineRoom;
  restUntil = 0;
  /** Why it rests, as a client hears it. */
  restError: ClusterError | undefined;
  /** 429s without a given pause, one after the other. */
  restsInRow = 0;
  lastBoundAt = 0;
  lastEndedAt = 0;
  passedOver = 0;
  loadingSince: number | undefined;
  /** Context the model is kept resident with: the largest any client or its operator asked for. */
  pinnedCtx: number | undefined;
  /** The largest context any client asked for since it was sent away. */
  askedCtx = 0;
  /** Options it was started with because clients asked for them. */
  startOptions: StartOptions | undefined;
  /** Until when its clients or its operator want it resident, on the scheduler's clock; infinite: for ever. */
  keepUntil = 0;

  /** We told the engine to unload it, and did not load it again since. */
  wasToldToGo = false;
  /** The life of its engine in which a client sent it away, and nobody asked for it since. */
  #sentAwayIn: string | undefined;
  /** It has to go for another model that is being loaded. */
  isLeaving = false;
  residentSince: number | undefined;
  isYielding = false;
  readonly laneless = new LanelessTime();
  readonly #settings: ModelSettings;
  #edition: object | undefined;
  #setting = noSetting;
  readonly #placement: (served: ServedModel) => ServedPlacement;
  /** The report that was there when a load command was answered, and the context asked for. */
  #loaded: { readonly report: ModelReport; readonly numCtx: number | undefined } | undefined;

  #priors: { readonly hardware: Hardware; readonly sizeBytes: number; readonly rates: RatePriors } | undefined;

  constructor(served: ServedModel, { rates, room, settings, placement, onProbeDue, onHealed }: Surroundings) {
    this.served = served;
    this.room = room;
    this.#settings = settings;
    this.#placement = placement;
    this.rates = new Rates(() => this.#toPriors(), {
      calibration: rates.calibration,
      answers: rates.answers(served.key),
    });
    this.guard = new Breaker({ onProbeDue: () => onProbeDue(this), onClosed: onHealed });
  }

  #toPriors(): RatePriors {
    const { hardware } = this.served.engine.node;
    const { sizeBytes } = this.served.report;
    if (this.#priors?.hardware !== hardware || this.#priors.sizeBytes !== sizeBytes)
      this.#priors = { hardware, sizeBytes, rates: toPriors(hardware, sizeBytes) };
    return this.#priors.rates;
  }

  /** It is resident no more as its clients asked for it. */
  forgetPins(): void {
    this.pinnedCtx = undefined;
    this.askedCtx = 0;
    this.startOptions = undefined;
  }

  /** The engine answered a load command; its report may say so only later. */
  becameResident(now: number, numCtx: number | undefined): void {
    this.residentSince = now;
    this.wasToldToGo = false;
    this.#sentAwayIn = undefined;
    this.#loaded = { report: this.served.report, numCtx };
  }

  /** What its operator wants of the model. */
  get setting(): ModelSetting {
    // Looked up once for each change: the choice asks several times for each place and job.
    const { edition } = this.#settings;
    if (edition !== this.#edition) {
      this.#edition = edition;
      this.#setting = this.#settings.of(this.served.key);
    }
    return this.#setting;
  }

  /** Somebody uses it: it stays as long as he asks for, or its operator, if that is longer. Negative: for ever. */
  keepFor(askedSeconds: number | undefined, now: number): void {
    const { keepAliveMs } = this.setting;
    if (askedSeconds !== undefined) this.keepUntil = Math.max(this.keepUntil, toKeepUntil(askedSeconds, now));
    if (keepAliveMs !== undefined) this.keepUntil = Math.max(this.keepUntil, now + keepAliveMs);
  }

  /** A client sends it away: it comes back when somebody asks for it, or its engine begins a new life. */
  sendAway(): void {
    this.keepUntil = 0;
    this.forgetPins();
    this.wasToldToGo = true;
    this.#sentAwayIn = this.#engineLife;
  }

  get wasSentAway(): boolean {
    return this.#sentAwayIn === this.#engineLife;
  }

  get #engineLife(): string {
    const { engine } = this.served;
    return `${engine.node.epoch} ${engine.starts}`;
  }

  get isAmongNodes(): boolean {
    const { nodes } = this.setting;
    return nodes === undefined || nodes.includes(this.node);
  }

  get leastCtx(): number | undefined {
    const { numCtx } = this.setting;
    return numCtx === undefined || this.isCtxFixed ? undefined : numCtx;
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

  get isRejected(): boolean {
    return this.served.engine.rejection !== undefined;
  }

  get modelState(): ModelState {
    if (this.isLeaving) return 'cold';
    const { report } = this.served;
    return this.#loaded?.report === report ? 'hot' : report.state;
  }

  get capabilities(): readonly Capability[] | undefined {
    return this.served.report.capabilities;
  }

  refusalWithout(need: Capability): Refusal | undefined {
    return refusalWithout(this.served.engine.report, need);
  }

  get contextLength(): number | undefined {
    return this.served.report.contextLength;
  }

  /** An engine that gave less than it was asked for is not asked again and again. */
  get numCtx(): number | undefined {
    const { report } = this.served;
    const asked = this.pinnedCtx === undefined ? undefined : this.#loaded?.numCtx;
    if (report.numCtx === undefined || asked === undefined) return report.numCtx;
    // What was reported before the load says what it would have been without one.
    return this.#loaded?.report === report ? asked : Math.max(report.numCtx, asked);
  }

  get isCtxFixed(): boolean {
    const { kind } = this.served.engine.report;
    return kind !== 'ollama' && kind !== 'lm-studio' && kind !== 'builtin';
  }

  hasStartOptions(options: StartOptions): boolean {
    if (this.served.engine.report.kind !== 'ollama') return true;
    for (const name in options) if (this.startOptions?.[name] !== options[name]) return false;
    return true;
  }

  get parallel(): number {
    return this.served.report.parallel;
  }

  get running(): Roster<BoundJob> {
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

  *neighbours(): Iterable<ServedPlacement> {
    for (const served of this.served.engine.models) {
      const other = this.#placement(served);
      if (other !== this && (other.modelState !== 'cold' || other.loadingSince !== undefined)) yield other;
    }
  }

  hasRoom(now: number): boolean {
    let count = 0;
    let bytes = this.sizeBytes;
    for (const neighbour of this.neighbours()) {
      count++;
      bytes += neighbour.served.report.resident?.sizeBytes ?? neighbour.sizeBytes;
    }
    const fitting = Math.floor(this.served.engine.report.slots / this.parallel);
    // One slot may be all that its operator allows, and says nothing about memory.
    const most = Math.min(fitting > 1 ? fitting : Number.POSITIVE_INFINITY, this.room.most(now));
    return count === 0 || (count < most && bytes <= toFastMemoryBytes(this.served.engine.node.hardware));
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
