import { notSeated } from '@waggle/shared/collections/roster.ts';
import type { BoundJob } from '../cluster/engine-lanes.ts';
import type { ServedModel } from '../cluster/served-model.ts';
import type { ChoosableJob, Placement } from '../scheduling/placement.ts';
import type { RatesView } from '../scheduling/rates.ts';
import { FakeCluster } from './fake-cluster.ts';

interface PlacementFacts
  extends Partial<Omit<Placement, 'running' | 'rates' | 'neighbours' | 'hasRoom' | 'busyJobs' | 'busyLanes'>> {
  readonly rates?: Partial<RatesView>;
  /** Jobs of this model. */
  readonly running?: readonly BoundJob[];
  /** Jobs of other models of the engine. */
  readonly others?: readonly BoundJob[];
  readonly neighbours?: readonly Placement[];
  readonly hasRoom?: boolean;
}

const plainRates: RatesView = {
  prefillMsPerToken: 1,
  decodeMsPerToken: () => 10,
  loadMs: 5_000,
  outputTokens: 100,
  errorRate: 0,
  deviationMs: 0,
  serviceMs: 1_000,
  samples: 100,
};

/** A place with a free lane, a hot model and plain rates, unless told otherwise: 1 ms per prompt token, 1,000 ms per answer. */
export function toPlacement(node: string, facts: PlacementFacts = {}): Placement {
  const { rates, running = [], others = [], neighbours = [], hasRoom = true, ...rest } = facts;
  const jobs = [...running, ...others];
  return {
    node,
    engineId: 'ollama',
    model: 'llama3.2:latest',
    nodeState: 'active',
    engineUp: true,
    isRejected: false,
    modelState: 'hot',
    capabilities: undefined,
    refusalWithout: () => undefined,
    contextLength: undefined,
    numCtx: undefined,
    isCtxFixed: false,
    leastCtx: undefined,
    isAmongNodes: true,
    hasStartOptions: () => true,
    parallel: 1,
    running: Object.assign([...running], { size: running.length }),
    foreignJobs: 0,
    idleLanes: 1,
    busyLanes: jobs.length,
    busyJobs: () => jobs,
    rttMs: 0,
    sizeBytes: 2e9,
    memoryBytes: 32e9,
    breaker: 'closed',
    probing: false,
    restUntil: 0,
    lastBoundAt: 0,
    lastEndedAt: 0,
    passedOver: 0,
    loadingSince: undefined,
    residentSince: undefined,
    isYielding: false,
    neighbours: () => neighbours,
    hasRoom: () => hasRoom,
    rates: { ...plainRates, ...rates },
    ...rest,
  };
}

export function toChoosableJob(facts: Partial<ChoosableJob> = {}): ChoosableJob {
  return {
    promptTokens: 100,
    maxTokens: undefined,
    numCtx: undefined,
    needs: [],
    stream: true,
    heldSince: 0,
    tried: new Map(),
    leaveBy: undefined,
    onlyNode: undefined,
    ...facts,
  };
}

/** A job that runs since `boundAt`; half of its answer is there. */
export function toBoundJob(facts: Partial<BoundJob> = {}): BoundJob {
  return {
    served: anyModel(),
    boundAt: 0,
    promptTokens: 100,
    expectedTokens: 100,
    tokensOut: 50,
    firstEventAt: 100,
    seat: notSeated,
    ...facts,
  };
}

let model: ServedModel | undefined;

function anyModel(): ServedModel {
  if (model === undefined) {
    const cluster = new FakeCluster();
    cluster.join('any', { lanes: 0 });
    model = cluster.served('any');
  }
  return model;
}
