import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import type { RequestRecord } from '../../inference/request-record.ts';
import { send } from '../test-client.ts';
import { startTestServer } from '../test-server.ts';
import { healthSchema, metricsSchema, modelsSchema, readinessSchema, statusSchema } from './cluster.schema.ts';
import { nodeModelsSchema, nodesSchema } from './nodes.schema.ts';
import { requestSchema, requestsSchema } from './requests.schema.ts';

const nodes = [
  {
    name: 'a',
    models: [{ name: 'tiny:latest', state: 'hot' as const, capabilities: ['completion' as const], numCtx: 4_096 }],
  },
  { name: 'b', models: [{ name: 'tiny' }, { name: 'other' }], engine: { problem: 'slow disk' }, vramBytes: 8e9 },
];

const record = (id: string, fields: Partial<RequestRecord> = {}): RequestRecord => ({
  requestId: id,
  endpoint: 'ollama.chat',
  model: 'tiny',
  stream: true,
  priority: 'normal',
  client: { address: '127.0.0.1', userAgent: 'test' },
  receivedAt: new Date(1_795_000_000_000 - 10_000).toISOString(),
  state: 'done',
  node: 'a',
  attempts: [
    {
      node: 'a',
      engineId: 'engine-a',
      model: 'tiny:latest',
      decision: {
        reason: 'bound',
        chosen: 0,
        heldMs: 1,
        candidates: [
          {
            node: 'a',
            engineId: 'engine-a',
            model: 'tiny:latest',
            bindable: true,
            prior: true,
            terms: { rtt: 1, load: 0, wait: 0, prefill: 2, decode: 3, risk: 0, total: 6 },
          },
          { node: 'b', engineId: 'engine-b', model: 'tiny', bindable: false, prior: true, excluded: 'engine-down' },
        ],
      },
      boundMs: 1,
      outcome: 'done',
      endedMs: 20,
    },
  ],
  firstEventMs: 5,
  endedMs: 20,
  usage: { promptTokens: 60, completionTokens: 120 },
  decodeRate: 30,
  ...fields,
});

/** The answer, checked against its published schema. */
async function get<Schema extends z.ZodType>(port: number, path: string, schema: Schema): Promise<z.infer<Schema>> {
  const reply = await send(port, path, { method: 'GET' });
  return schema.parse(reply.json());
}

it('/health is 200 while the process lives, /health/ready while a node can be used', async () => {
  await using empty = await startTestServer();
  expect(await get(empty.port, '/health', healthSchema)).toEqual({ status: 'ok' });
  expect((await send(empty.port, '/health/ready', { method: 'GET' })).status).toBe(503);
  expect(await get(empty.port, '/health/ready', readinessSchema)).toEqual({ status: 'no-node', usableNodes: 0 });
  await using sick = await startTestServer({ nodes: [{ name: 'a', engine: { health: 'down' } }] });
  expect((await send(sick.port, '/health/ready', { method: 'GET' })).status).toBe(503);
  await using full = await startTestServer({ nodes });
  expect((await send(full.port, '/health/ready', { method: 'GET' })).status).toBe(200);
});

it('/api/cluster/status counts', async () => {
  await using server = await startTestServer({ nodes });
  const status = await get(server.port, '/api/cluster/status', statusSchema);
  expect(status).toMatchObject({
    clusterId: 'cluster-1',
    draining: false,
    nodes: { active: 2, left: 0 },
    models: { hot: 1, cold: 1 },
    queue: { heldJobs: 0, runningJobs: 0 },
  });
});

it('/api/cluster/models has every place of every model', async () => {
  await using server = await startTestServer({ nodes, aliases: { fast: ['tiny'] } });
  const { models, aliases } = await get(server.port, '/api/cluster/models', modelsSchema);
  expect(models.map((model) => [model.name, model.state, model.places.map((place) => place.node)])).toEqual([
    ['other', 'cold', ['b']],
    ['tiny:latest', 'hot', ['a', 'b']],
  ]);
  expect(aliases).toEqual({ fast: ['tiny'] });
});

it('/api/cluster/metrics has totals, rates and the last minute', async () => {
  await using server = await startTestServer({ nodes });
  for (const each of [record('r1'), record('r2', { receivedAt: new Date(1_795_000_000_000 - 90_000).toISOString() })]) {
    server.requests.begin(each);
    server.requests.end(each);
  }
  const metrics = await get(server.port, '/api/cluster/metrics', metricsSchema);
  expect(metrics.totals).toMatchObject({ requests: 2, promptTokens: 120, completionTokens: 240 });
  expect(metrics.lastMinute).toEqual({ requests: 1, promptTokensPerSecond: 1, completionTokensPerSecond: 2 });
  expect(metrics.rates.map((rate) => [rate.node, rate.model, rate.samples])).toEqual([
    ['a', 'tiny:latest', 0],
    ['b', 'tiny', 0],
    ['b', 'other', 0],
  ]);
  for (const rate of metrics.rates) expect(rate.decodeTokensPerSecond).toBeGreaterThan(0);
});

describe('/api/nodes', () => {
  it('has the machines and their engines', async () => {
    await using server = await startTestServer({ nodes });
    const { nodes: listed } = await get(server.port, '/api/nodes', nodesSchema);
    expect(listed.map((node) => [node.name, node.state, node.engines[0]?.problem])).toEqual([
      ['a', 'active', undefined],
      ['b', 'active', 'slow disk'],
    ]);
  });

  it('has the models of each, or says that there is no such node', async () => {
    await using server = await startTestServer({ nodes });
    const { models } = await get(server.port, '/api/nodes/a/models', nodeModelsSchema);
    expect(models).toEqual([expect.objectContaining({ name: 'tiny:latest', engineId: 'engine-a', numCtx: 4_096 })]);
    const absent = await send(server.port, '/api/nodes/x/models', { method: 'GET' });
    expect([absent.status, absent.json()]).toEqual([404, { error: "there is no node called 'x'" }]);
  });
});

describe('/api/requests', () => {
  it('lists the recent ones, newest first, filtered', async () => {
    await using server = await startTestServer();
    server.requests.begin(record('r0', { state: 'running' }));
    for (const each of [
      record('r1'),
      record('r2', { model: 'other', state: 'failed', error: { code: 'engine-failed', message: 'x' } }),
    ]) {
      server.requests.begin(each);
      server.requests.end(each);
    }
    const ids = async (query: string) =>
      (await get(server.port, `/api/requests${query}`, requestsSchema)).requests.map((each) => each.requestId);
    expect(await ids('')).toEqual(['r0', 'r2', 'r1']);
    expect(await ids('?state=failed')).toEqual(['r2']);
    expect(await ids('?model=tiny&limit=1')).toEqual(['r0']);
    expect(await ids('?node=b')).toEqual([]);
    const limit = 'limit must be a whole number from 1 to 1000';
    for (const [query, error] of [
      ['?state=odd', 'state must be one of held, running, done, failed, client-gone'],
      ['?limit=0', limit],
      ['?limit=x', limit],
      ['?limit=1001', limit],
      ['?colour=red', 'there is no filter called colour; there are state, model, node, limit'],
    ]) {
      const { status, text } = await send(server.port, `/api/requests${query}`, { method: 'GET' });
      expect([query, status, JSON.parse(text)]).toMatchObject([query, 400, { error }]);
    }
  });

  it('has the whole story of one', async () => {
    await using server = await startTestServer();
    server.requests.begin(record('r1'));
    expect(await get(server.port, '/api/requests/r1', requestSchema)).toEqual(record('r1'));
    expect((await send(server.port, '/api/requests/r2', { method: 'GET' })).status).toBe(404);
  });
});
