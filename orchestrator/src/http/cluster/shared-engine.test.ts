import { unknownHardware } from '@waggle/shared/cluster/node.ts';
import { expect, it } from 'vitest';
import { answering, ScriptedLink } from '../../operations/scripted-nodes.ts';
import { FakeLane } from '../../testing/fake-link.ts';
import { toEngineReport, toNodeReport } from '../../testing/reports.ts';
import { send } from '../test-client.ts';
import { startTestServer, type TestServer } from '../test-server.ts';
import { metricsSchema, modelsSchema, readinessSchema, statusSchema } from './cluster.schema.ts';
import { nodesSchema } from './nodes.schema.ts';

const get = async ({ port }: TestServer, path: string) => (await send(port, path, { method: 'GET' })).json();

/** An agent of the one machine that they all are on. */
function join({ cluster }: TestServer, name: string, lanes: number): ScriptedLink {
  const link = new ScriptedLink(name, answering(200));
  Object.assign(link.identity, { machineId: 'one' });
  cluster.registry.joined(link, toNodeReport({ engines: [toEngineReport({ engineId: 'ollama', slots: lanes })] }));
  for (let id = 0; id < lanes; id++) cluster.registry.laneOpened(link, new FakeLane(id, 'ollama'));
  return link;
}

it('an engine that three agents see is used and counted once, and the others name the node that uses it', async () => {
  await using server = await startTestServer();
  const [first] = ['a', 'b', 'c'].map((name) => join(server, name, 2));
  const rows = async () => {
    const { nodes } = nodesSchema.parse(await get(server, '/api/nodes'));
    return nodes.filter(({ state }) => state !== 'left').map(({ name, engines }) => [name, engines[0]?.usedThrough]);
  };
  expect(await rows()).toEqual([
    ['a', undefined],
    ['b', 'a'],
    ['c', 'a'],
  ]);
  const { lanes, models } = statusSchema.parse(await get(server, '/api/cluster/status'));
  expect([lanes, models]).toEqual([{ idle: 2, bound: 0, draining: 0 }, expect.objectContaining({ hot: 1 })]);
  const listed = modelsSchema.parse(await get(server, '/api/cluster/models'));
  expect(listed.models.map(({ places }) => places.map(({ node }) => node))).toEqual([['a']]);
  expect(metricsSchema.parse(await get(server, '/api/cluster/metrics')).rates).toHaveLength(1);
  expect(readinessSchema.parse(await get(server, '/health/ready')).usableNodes).toBe(1);
  expect(await get(server, '/api/tags')).toMatchObject({ models: [{ nodes: ['a'] }] });
  expect(await get(server, '/api/ps')).toMatchObject({ models: [{ node: 'a' }] });
  if (first !== undefined) server.cluster.registry.left(first, 'gone');
  expect(await rows()).toEqual([
    ['b', undefined],
    ['c', 'b'],
  ]);
});

it('what nobody knows of a machine is not shown', async () => {
  await using server = await startTestServer();
  const link = new ScriptedLink('far', answering(200));
  server.cluster.registry.joined(link, toNodeReport({ hardware: unknownHardware, memoryAvailableBytes: 0 }));
  const { nodes } = nodesSchema.parse(await get(server, '/api/nodes'));
  expect(nodes).toMatchObject([{ name: 'far' }]);
  expect(Object.keys(nodes[0] ?? {})).not.toEqual(expect.arrayContaining(['hardware']));
  expect(Object.keys(nodes[0] ?? {})).not.toEqual(expect.arrayContaining(['memoryAvailableBytes']));
});
