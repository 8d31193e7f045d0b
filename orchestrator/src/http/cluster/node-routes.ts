import { isMeasured } from '@waggle/shared/cluster/node.ts';
import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { z } from 'zod';
import type { ExpectedNodes } from '../../cluster/expected-nodes.ts';
import type { ClusterView, EngineView, NodeView, ServedModelView } from '../../cluster/views.ts';
import { jsonResponse } from '../json-response.ts';
import type { Route } from '../route.ts';
import type { nodeModelsSchema, nodeSchema, nodesSchema } from './nodes.schema.ts';

/** The machines of the cluster. */
export function nodeRoutes(cluster: ClusterView, expected: ExpectedNodes): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/api/nodes',
      head: true,
      handler: () =>
        jsonResponse({ nodes: cluster.nodes.map(toNode), expected: [...expected.expected] } satisfies z.infer<
          typeof nodesSchema
        >),
    },
    {
      method: 'GET',
      path: '/api/nodes/:name/models',
      head: true,
      handler: ({ req }) => {
        const name = req.param('name') ?? '';
        const node = cluster.node(name);
        if (node === undefined) throw new ClusterError('not-found', `there is no node called '${name}'`);
        const models = node.engines.flatMap((engine) => engine.models.map(toNodeModel));
        return jsonResponse({ node: node.name, models } satisfies z.infer<typeof nodeModelsSchema>);
      },
    },
  ];
}

function toNode(node: NodeView): z.infer<typeof nodeSchema> {
  const { identity, report, hardware } = node;
  return {
    name: node.name,
    nodeId: identity.nodeId,
    state: node.state,
    address: node.address,
    version: identity.version,
    joinedAt: node.joinedAt,
    rttMs: node.rttMs,
    ...(isMeasured(hardware) && {
      hardware: {
        platform: hardware.platform,
        arch: hardware.arch,
        cpu: hardware.cpu,
        cpuCores: hardware.cpuCores,
        memoryBytes: hardware.memoryBytes,
        gpus: hardware.gpus.map(({ name, vendor, vramBytes }) => ({ name, vendor, vramBytes })),
      },
      memoryAvailableBytes: report.memoryAvailableBytes,
    }),
    waitingJobs: report.waitingJobs,
    labels: { ...node.labels, ...report.labels },
    engines: node.engines.map(toEngine),
  };
}

function toEngine({
  engineId,
  report,
  lanes,
  models,
  usedThrough,
}: EngineView): z.infer<typeof nodeSchema>['engines'][number] {
  return {
    engineId,
    kind: report.kind,
    url: report.url,
    version: report.version,
    health: report.health,
    ...(report.problem !== undefined && { problem: report.problem }),
    ...(usedThrough !== undefined && { usedThrough: usedThrough.node.name }),
    slots: report.slots,
    lanes: { idle: lanes.idle, bound: lanes.bound, draining: lanes.draining },
    ...(report.foreignJobs !== undefined && { foreignJobs: report.foreignJobs }),
    models: models.length,
  };
}

function toNodeModel({ engine, report }: ServedModelView): z.infer<typeof nodeModelsSchema>['models'][number] {
  const { tagJson: _tag, psJson: _ps, capabilities, resident, ...facts } = report;
  return {
    ...facts,
    engineId: engine.engineId,
    ...(capabilities !== undefined && { capabilities: [...capabilities] }),
    ...(resident !== undefined && { resident: { ...resident } }),
  };
}
