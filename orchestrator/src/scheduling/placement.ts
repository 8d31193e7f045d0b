import type { StartOptions } from '@waggle/shared/cluster/job.ts';
import type { Capability, ModelState } from '@waggle/shared/cluster/model.ts';
import type { BoundJob } from '../cluster/engine-lanes.ts';
import type { NodeState } from '../cluster/views.ts';
import type { BreakerState } from './breaker.ts';
import type { Refusal } from './engine-refusals.ts';
import type { RatesView } from './rates.ts';

/** A place where a job can go, as the choice sees it: live and read-only, never a copy. Sizes in bytes, times in milliseconds. */
export interface Placement {
  readonly node: string;
  readonly engineId: string;
  /** The engine's name of the model. */
  readonly model: string;
  readonly nodeState: NodeState;
  readonly engineUp: boolean;
  /** Its engine rejects our credentials: until its operator mends that nothing is sent there. */
  readonly isRejected: boolean;
  readonly modelState: ModelState;
  readonly capabilities: readonly Capability[] | undefined;
  /** How its engine refuses what needs that, if the model lacks it; undefined: it may do without. */
  refusalWithout(need: Capability): Refusal | undefined;
  /** Longest context of the model. */
  readonly contextLength: number | undefined;
  /** Context it is, or would be, resident with. */
  readonly numCtx: number | undefined;
  /** Its engine was started with that context and cannot be told another. */
  readonly isCtxFixed: boolean;
  /** Context its operator wants it resident with, at least; undefined: any will do. */
  readonly leastCtx: number | undefined;
  /** Its operator lets it be served there. */
  readonly isAmongNodes: boolean;
  /** It is, or would be, resident with these; true as well where its engine has no such options. */
  hasStartOptions(options: StartOptions): boolean;
  /** Jobs of this model the engine takes at once. */
  readonly parallel: number;
  /** Jobs of this model that hold a lane. */
  readonly running: Iterable<BoundJob> & { readonly size: number };
  readonly foreignJobs: number;
  readonly idleLanes: number;
  readonly busyLanes: number;
  /** Jobs on all lanes of the engine. */
  busyJobs(): Iterable<BoundJob>;
  readonly rttMs: number;
  readonly sizeBytes: number;
  /** What the machine could hold at most: memory, or the VRAM of its GPUs if that is more. */
  readonly memoryBytes: number;
  readonly breaker: BreakerState;
  /** Half-open, and its one probe is under way. */
  readonly probing: boolean;
  /** It asked for a pause until then (429). */
  readonly restUntil: number;
  readonly lastBoundAt: number;
  /** When a job ended there last. */
  readonly lastEndedAt: number;
  /** Jobs it was free for and did not get, since it last got one. */
  readonly passedOver: number;
  /** When its load was commanded; undefined: none is under way. */
  readonly loadingSince: number | undefined;
  /** When it became resident by command. */
  readonly residentSince: number | undefined;
  /** Nothing new is bound: its model has to make room for one that was waited for long enough. */
  readonly isYielding: boolean;
  /** Other models of the engine that are resident or on their way. */
  neighbours(): Iterable<Placement>;
  /** The engine has room for it beside its neighbours, as far as slots, sizes and what it did before tell. */
  hasRoom(now: number): boolean;
  readonly rates: RatesView;
}

/** What the choice must know of a job. */
export interface ChoosableJob {
  readonly promptTokens: number;
  readonly maxTokens: number | undefined;
  readonly numCtx: number | undefined;
  /** Options the model must be started with. */
  readonly startOptions?: StartOptions | undefined;
  readonly needs: readonly Capability[];
  readonly stream: boolean;
  readonly heldSince: number;
  /** Places that failed this job, and until when they are out for it. */
  readonly tried: ReadonlyMap<Placement, number>;
  /** When the job stops waiting for a better place; undefined: it has not begun to. */
  readonly leaveBy: number | undefined;
  /** Only this node will do (`model@node`). */
  readonly onlyNode: string | undefined;
}

/** The context this job needs on that place, or undefined: any will do. Engines clamp to what the model can. */
export function neededCtx(place: Placement, job: Pick<ChoosableJob, 'numCtx'>): number | undefined {
  const { leastCtx } = place;
  if (job.numCtx === undefined && leastCtx === undefined) return undefined;
  const numCtx = Math.max(job.numCtx ?? 0, leastCtx ?? 0);
  return place.contextLength === undefined ? numCtx : Math.min(numCtx, place.contextLength);
}

/** What a job asks of the way a model is resident. */
export type ResidentNeeds = Pick<ChoosableJob, 'numCtx' | 'startOptions'>;

/** Resident, with enough context for this job and started as it asks. */
export function isHotFor(place: Placement, job: ResidentNeeds): boolean {
  if (place.modelState !== 'hot' || place.loadingSince !== undefined) return false;
  if (job.startOptions !== undefined && !place.hasStartOptions(job.startOptions)) return false;
  const needed = neededCtx(place, job);
  return needed === undefined || place.numCtx === undefined || needed <= place.numCtx;
}

/** A job could start there this moment. */
export function isBindable(place: Placement, job: ResidentNeeds): boolean {
  return isFree(place) && isHotFor(place, job);
}

/** It has a lane for one more job of the model. */
export function isFree(place: Placement): boolean {
  return place.idleLanes > 0 && place.running.size + place.foreignJobs < place.parallel && !place.isYielding;
}
