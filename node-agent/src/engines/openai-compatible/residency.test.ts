import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '@waggle/shared/observing/clock.ts';
import { afterEach, expect, test } from 'vitest';
import { createEngine } from '../create-engine.ts';
import type { Engine } from '../engine.ts';

let server: Server;
let engine: Engine;
/** What was asked of the server beside the questions of a survey. */
let asked: string[];

afterEach(async () => {
  await engine.close();
  server.close();
  server.closeAllConnections();
});

/** A server whose answers to GET are these, by path; it takes every POST. */
async function start(answers: Readonly<Record<string, object>>): Promise<void> {
  asked = [];
  server = createServer((request, response) => {
    const { method = '', url = '' } = request;
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      const answer = method === 'GET' ? answers[url] : {};
      if (method === 'POST' || url.startsWith('/upstream/')) asked.push(`${method} ${url} ${body}`.trim());
      response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer ?? {}));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  engine = createEngine({ engineId: 'e1', dialect: 'openai', url, settings: {}, clock: systemClock });
}

async function loadAndUnload(model: string, numCtx?: number): Promise<void> {
  const command = { engineId: 'e1', model, pins: numCtx === undefined ? {} : { numCtx } };
  await engine.models.load(command, AbortSignal.timeout(5_000));
  await engine.models.unload(command, AbortSignal.timeout(5_000));
}

const listed = (id: string, owner: string) => ({ object: 'list', data: [{ id, object: 'model', owned_by: owner }] });

test('llama-swap loads what is asked for at its upstream, and unloads by name', async () => {
  await start({
    '/v1/models': listed('org/m', 'llama-swap'),
    '/running': { running: [{ model: 'org/m', state: 'ready' }] },
    '/upstream/org%2Fm/health': {},
  });
  const { models, slots } = await engine.probe.survey(AbortSignal.timeout(5_000));
  expect([models[0]?.state, slots]).toEqual(['hot', 4]);
  await loadAndUnload('org/m');
  expect(asked).toEqual(['GET /upstream/org%2Fm/health', 'POST /api/models/unload/org%2Fm {}']);
});

test('LM Studio loads with a context, and unloads each instance', async () => {
  await start({
    '/v1/models': listed('m', 'organization_owner'),
    '/api/v1/models': { models: [{ key: 'm', type: 'llm', loaded_instances: [{ id: 'm' }, { id: 'm:2' }] }] },
  });
  await engine.probe.survey(AbortSignal.timeout(5_000));
  await loadAndUnload('m', 8_192);
  expect(asked).toEqual([
    'POST /api/v1/models/load {"model":"m","context_length":8192}',
    'POST /api/v1/models/unload {"instance_id":"m"}',
    'POST /api/v1/models/unload {"instance_id":"m:2"}',
  ]);
});

test('a vLLM has its model from start to end', async () => {
  await start({ '/v1/models': listed('m', 'vllm') });
  const { models } = await engine.probe.survey(AbortSignal.timeout(5_000));
  expect(models[0]?.state).toBe('hot');
  await loadAndUnload('m');
  expect(asked).toEqual([]);
});
