import type { z } from 'zod';
import type { ClusterView, EngineView } from '../../cluster/views.ts';
import { jsonResponse } from '../json-response.ts';
import type { Route } from '../route.ts';
import type { healthSchema, readinessSchema } from './cluster.schema.ts';

/** For supervisors and load balancers: does the process live, and would a request be answered. */
export function healthRoutes(cluster: ClusterView, isDraining: () => boolean): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/health',
      head: true,
      handler: () => jsonResponse({ status: 'ok' } satisfies z.infer<typeof healthSchema>),
    },
    {
      method: 'GET',
      path: '/health/ready',
      head: true,
      handler: () => {
        const usableNodes = countUsable(cluster);
        const status = isDraining() ? 'draining' : usableNodes === 0 ? 'no-node' : 'ready';
        const body: z.infer<typeof readinessSchema> = { status, usableNodes };
        return jsonResponse(body, { status: status === 'ready' ? 200 : 503 });
      },
    },
  ];
}

function countUsable({ nodes }: ClusterView): number {
  return nodes.filter((node) => node.state === 'active' && node.engines.some(isUsable)).length;
}

function isUsable({ report, usedThrough }: EngineView): boolean {
  return report.health === 'up' && usedThrough === undefined;
}
