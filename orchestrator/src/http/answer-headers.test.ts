import type { OperationFrame } from '@waggle/shared/cluster/operation.ts';
import { describe, expect, it } from 'vitest';
import type { ScriptedNode } from '../operations/scripted-nodes.ts';
import { send, sendRaw } from './test-client.ts';
import { startTestServer } from './test-server.ts';

const tiny = { name: 'tiny:latest' };

async function* answered(): AsyncGenerator<OperationFrame> {
  yield { type: 'head', status: 200, contentType: 'application/json' };
  yield { type: 'chunk', bytes: Buffer.from('{"status":"success"}\n') };
  yield { type: 'end' };
}

async function* gone(): AsyncGenerator<OperationFrame> {
  yield { type: 'end', failure: { cause: 'unreachable', code: 'engine-unreachable', message: 'refused' } };
}

const node = (name: string, script: ScriptedNode['script'] = answered): ScriptedNode => ({
  name,
  models: [tiny],
  script,
});

describe('x-waggle-node and x-waggle-attempts', () => {
  it.each([
    ['show', 'POST', '/api/show', { model: 'tiny' }, 'a', '1'],
    ['an unstreamed pull', 'POST', '/api/pull', { model: 'tiny@b', stream: false }, 'b', '1'],
    ['a pull to several', 'POST', '/api/pull?node=*', { model: 'tiny' }, 'a, b', '2'],
    ['copy', 'POST', '/api/copy', { source: 'tiny', destination: 'other' }, 'a, b', '2'],
    ['delete', 'DELETE', '/api/delete', { model: 'tiny' }, 'a, b', '2'],
  ])('of %s name who did it', async (_case, method, path, body, nodes, attempts) => {
    await using server = await startTestServer({ nodes: [node('a'), node('b')] });
    const { headers } = await send(server.port, path, { method, body });
    expect([headers['x-waggle-node'], headers['x-waggle-attempts']]).toEqual([nodes, attempts]);
  });

  it('count those who could not be reached', async () => {
    await using server = await startTestServer({ nodes: [node('a', gone), node('b')] });
    const { headers } = await send(server.port, '/api/show', { body: { model: 'tiny' } });
    expect([headers['x-waggle-node'], headers['x-waggle-attempts']]).toEqual(['b', '2']);
  });

  it.each([
    ['a list', 'GET', '/api/tags', {}],
    ['health', 'GET', '/health', {}],
    ['a refusal of a route', 'POST', '/api/show', {}],
    ['no route', 'GET', '/api/nope', {}],
    ['a refusal before any route', 'GET', '/api/tags', { host: 'evil.example' }],
  ])('say of %s that nobody was asked', async (_case, method, path, given) => {
    await using server = await startTestServer();
    const { headers } = await send(server.port, path, { method, headers: given });
    expect(headers).toMatchObject({ 'x-request-id': expect.any(String), 'x-waggle-attempts': '0' });
    expect(headers).not.toHaveProperty('x-waggle-node');
  });

  it('are there on what the parser refuses', async () => {
    await using server = await startTestServer();
    expect(await sendRaw(server.port, 'GET / HTTP/1.1\r\nbroken\r\n\r\n')).toContain('\r\nx-waggle-attempts: 0\r\n');
  });
});
