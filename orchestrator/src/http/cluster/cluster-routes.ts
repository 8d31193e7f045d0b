import { type ModelState, modelStates } from '@waggle/shared/cluster/model.ts';
import type { z } from 'zod';
import type { ClusterEngine } from '../../cluster/cluster-engine.ts';
import { toModelKey } from '../../cluster/model-names.ts';
import type { NodeRegistry } from '../../cluster/node-registry.ts';
import type { ServedModel } from '../../cluster/served-model.ts';
import { type LaneCounts, nodeStates } from '../../cluster/views.ts';
import type { RequestLog } from '../../inference/request-log.ts';
import type { Aliases } from '../../inference/resolve-model.ts';
import type { Scheduler } from '../../scheduling/scheduler.ts';
import { jsonResponse } from '../json-response.ts';
import type { Route } from '../route.ts';
import type { metricsSchema, modelsSchema, statusSchema } from './cluster.schema.ts';

export interface ClusterRouteDeps {
  readonly registry: NodeRegistry;
  readonly scheduler: Pick<Scheduler, 'heldJobs' | 'heldBytes' | 'runningJobs' | 'placement' | 'predictedDrainMs'>;
  readonly requests: RequestLog;
  readonly aliases: () => Aliases;
  readonly isDraining: () => boolean;
  readonly clusterId: string;
  readonly version: string;
  /** Wall clock, milliseconds since 1970. */
  readonly now: () => number;
}

/** What the cluster is and does, for people and their tools. */
export function clusterRoutes(deps: ClusterRouteDeps): readonly Route[] {
  const startedAt = deps.now();
  return [
    { method: 'GET', path: '/api/cluster/status', head: true, handler: () => jsonResponse(toStatus(deps, startedAt)) },
    { method: 'GET', path: '/api/cluster/models', head: true, handler: () => jsonResponse(toModels(deps)) },
    { method: 'GET', path: '/api/cluster/metrics', head: true, handler: () => jsonResponse(toMetrics(deps)) },
  ];
}

function toStatus(deps: ClusterRouteDeps, startedAt: number): z.infer<typeof statusSchema> {
  const { nodes } = deps.registry;
  const bestStates = groupModels(deps.registry).map(({ places }) => bestState(places));
  return {
    clusterId: deps.clusterId,
    version: deps.version,
    startedAt: new Date(startedAt).toISOString(),
    uptimeSeconds: Math.floor((deps.now() - startedAt) / 1_000),
    draining: deps.isDraining(),
    nodes: countBy(
      nodeStates,
      nodes.map((node) => node.state),
    ),
    models: countBy(modelStates, bestStates),
    lanes: sumLanes(usedEngines(nodes).map((engine) => engine.lanes)),
    queue: toQueue(deps),
  };
}

function toModels({ registry, aliases }: ClusterRouteDeps): z.infer<typeof modelsSchema> {
  return {
    models: groupModels(registry).map(({ name, places }) => {
      const capabilities = [...new Set(places.flatMap((place) => place.report.capabilities ?? []))];
      return {
        name,
        ...(places.some((place) => place.report.capabilities !== undefined) && { capabilities }),
        state: bestState(places),
        places: places.map(toPlace),
      };
    }),
    aliases: Object.fromEntries([...aliases()].map(([alias, targets]) => [alias, [...targets]])),
  };
}

function toPlace({ engine, report }: ServedModel): z.infer<typeof modelsSchema>['models'][number]['places'][number] {
  return {
    node: engine.node.name,
    engineId: engine.engineId,
    engineKind: engine.report.kind,
    state: report.state,
    digest: report.digest,
    sizeBytes: report.sizeBytes,
    ...(report.contextLength !== undefined && { contextLength: report.contextLength }),
    ...(report.numCtx !== undefined && { numCtx: report.numCtx }),
    ...(report.scripted === true && { scripted: true as const }),
    parallel: report.parallel,
  };
}

const minuteMs = 60_000;

function toMetrics(deps: ClusterRouteDeps): z.infer<typeof metricsSchema> {
  const { requests, scheduler, registry } = deps;
  const since = deps.now() - minuteMs;
  const recent = requests
    .list({ limit: Number.MAX_SAFE_INTEGER })
    .filter((record) => record.endedMs !== undefined && Date.parse(record.receivedAt) + record.endedMs >= since);
  const perSecond = (count: (record: (typeof recent)[number]) => number): number =>
    recent.reduce((sum, record) => sum + count(record), 0) / (minuteMs / 1_000);
  return {
    totals: { ...requests.totals },
    lastMinute: {
      requests: recent.length,
      promptTokensPerSecond: perSecond((record) => record.usage?.promptTokens ?? 0),
      completionTokensPerSecond: perSecond((record) => record.usage?.completionTokens ?? 0),
    },
    queue: { ...toQueue(deps), predictedDrainMs: finite(scheduler.predictedDrainMs()) },
    rates: usedEngines(registry.nodes).flatMap((engine) => engine.models.map((served) => toRates(served, deps))),
  };
}

function toRates(served: ServedModel, { scheduler }: ClusterRouteDeps): z.infer<typeof metricsSchema>['rates'][number] {
  const { rates } = scheduler.placement(served);
  return {
    node: served.engine.node.name,
    engineId: served.engine.engineId,
    model: served.name,
    running: served.running.size,
    samples: rates.samples,
    prefillTokensPerSecond: finite(1_000 / rates.prefillMsPerToken),
    decodeTokensPerSecond: finite(1_000 / rates.decodeMsPerToken(0)),
    loadMs: finite(rates.loadMs),
    errorRate: finite(rates.errorRate),
  };
}

function toQueue({ scheduler }: ClusterRouteDeps): z.infer<typeof statusSchema>['queue'] {
  return { heldJobs: scheduler.heldJobs, heldBytes: scheduler.heldBytes, runningJobs: scheduler.runningJobs };
}

interface NamedModel {
  readonly name: string;
  readonly places: readonly ServedModel[];
}

function groupModels({ nodes }: NodeRegistry): readonly NamedModel[] {
  const served = usedEngines(nodes).flatMap((engine) => engine.models);
  const groups = Map.groupBy(served, (place) => toModelKey(place.name));
  const named = [...groups].map(([key, places]) => ({ name: places[0]?.name ?? key, places }));
  return named.toSorted((a, b) => a.name.localeCompare(b.name));
}

/** Each engine once, however many agents see it. */
function usedEngines(nodes: NodeRegistry['nodes']): readonly ClusterEngine[] {
  return nodes.flatMap((node) => node.engines.filter((engine) => engine.usedThrough === undefined));
}

function bestState(places: readonly ServedModel[]): ModelState {
  return modelStates.findLast((state) => places.some((place) => place.report.state === state)) ?? 'cold';
}

function sumLanes(lanes: readonly LaneCounts[]): z.infer<typeof statusSchema>['lanes'] {
  const sum = { idle: 0, bound: 0, draining: 0 };
  for (const counts of lanes) {
    sum.idle += counts.idle;
    sum.bound += counts.bound;
    sum.draining += counts.draining;
  }
  return sum;
}

function countBy<Name extends string>(names: readonly Name[], values: readonly Name[]): Record<Name, number> {
  const counts = Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
  for (const value of values) counts[value]++;
  return counts;
}

/** JSON has no infinity. */
function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}
