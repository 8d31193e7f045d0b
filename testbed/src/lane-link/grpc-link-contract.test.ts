import { connectNode } from '@waggle/node-agent/link/connect-node.ts';
import type { LinkStatus, NodeLink } from '@waggle/node-agent/link/node-link.ts';
import { startGrpcServer } from '@waggle/orchestrator/grpc/start-grpc-server.ts';
import { describeLaneLinkContract } from '@waggle/shared/lane-link/lane-link-contract.ts';
import { until } from '@waggle/shared/lane-link/testing/waiting.ts';
import { systemClock } from '@waggle/shared/observing/clock.ts';
import { silentLogger } from '@waggle/shared/observing/logger.ts';

const deps = { clock: systemClock, logger: silentLogger };

describeLaneLinkContract('a node over gRPC', async (host, events) => {
  const server = await startGrpcServer(
    { host: '127.0.0.1', port: 0, clusterId: 'c1', lanesPerNode: 1024, ...deps },
    events,
  );
  const link = connectNode(host, { orchestrator: `127.0.0.1:${server.port}`, ...deps });
  return {
    refusal: () => refusalOf(link),
    drain: () => link.drain(),
    crash: () => link.close(),
    async dispose() {
      link.close();
      await server.close();
    },
  };
});

async function refusalOf(link: NodeLink): Promise<Extract<LinkStatus, { state: 'refused' }>> {
  await until(() => link.status.state === 'refused');
  if (link.status.state !== 'refused') throw new Error('the node was not refused');
  return link.status;
}
