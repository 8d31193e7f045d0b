import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeInvitation } from '@waggle/shared/cluster/invitation.ts';
import { makeJoinToken } from '@waggle/shared/cluster/join-token.ts';
import { systemClock } from '@waggle/shared/observing/clock.ts';
import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Agent, startAgent } from './agent.ts';
import type { AgentConfig } from './config/agent-config.ts';

describe('an agent', () => {
  let folder: string;
  let agents: Agent[];
  let printed: string;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'waggle-agent-'));
    agents = [];
    printed = '';
  });

  afterEach(async () => {
    for (const agent of agents) await agent.close();
    await rm(folder, { recursive: true, force: true });
  });

  const start = async (more: Partial<AgentConfig> = {}): Promise<Agent> => {
    const config: AgentConfig = {
      orchestrator: undefined,
      token: undefined,
      name: { text: 'desk', isChosen: false },
      data: { folder: path.join(folder, 'agent'), isChosen: false },
      port: { number: 0, isChosen: true },
      host: undefined,
      drainMaxMs: 1_000,
      logLevel: 'error',
      engines: { kind: 'fixed', engines: [] },
      settings: {},
      builtin: false,
      hub: { endpoint: 'http://127.0.0.1:9' },
      notices: [],
      ...more,
    };
    const print = (text: string) => {
      printed += text;
    };
    const agent = await startAgent(config, { logger: silentLogger, clock: systemClock, print });
    agents.push(agent);
    return agent;
  };
  const get = async (agent: Agent, url: string, init?: RequestInit) =>
    fetch(`http://127.0.0.1:${agent.httpPort}${url}`, init);

  test('says how it is', async () => {
    const agent = await start();
    const health = await get(agent, '/health');
    expect(health.headers.get('server')).toBe('waggle');
    expect(await health.json()).toMatchObject({ status: 'ok', name: 'desk', link: { state: 'waiting' }, engines: [] });
    const metrics = await (await get(agent, '/metrics')).text();
    expect(metrics).toContain('waggle_joined 0');
    expect(metrics).toContain('process_resident_memory_bytes');
    expect((await get(agent, '/metrics')).status).toBe(200);
    expect((await get(agent, '/api/tags')).status).toBe(404);
    expect((await get(agent, '/health', { method: 'POST' })).status).toBe(405);
    expect(printed).toContain(`http://127.0.0.1:${agent.httpPort}/health`);
  });

  // Any address of the loopback network reaches a port that is open on every interface.
  test.runIf(process.platform === 'linux')(
    'is reached from this machine only, unless it waits for an invitation',
    async () => {
      const reach = (agent: Agent) => fetch(`http://127.0.0.2:${agent.httpPort}/health`);
      await expect(reach(await start({ orchestrator: '127.0.0.1:1' }))).rejects.toThrow('fetch failed');
      await expect(reach(await start())).rejects.toThrow('fetch failed');
      expect((await reach(await start({ token: makeJoinToken() }))).status).toBe(200);
    },
  );

  test('has the same id after a restart, and another name beside a second one', async () => {
    const first = await start();
    const second = await start();
    expect(second.node.identity.name).toBe('desk-2');
    expect(second.node.identity.nodeId).not.toBe(first.node.identity.nodeId);
    expect(second.node.identity.machineId).toBe(first.node.identity.machineId);
    await first.close();
    const again = await start();
    expect(again.node.identity).toMatchObject({ nodeId: first.node.identity.nodeId, name: 'desk' });
    expect(again.node.identity.bootId).not.toBe(first.node.identity.bootId);
  });

  test('takes the next free port unless one was chosen', async () => {
    const first = await start();
    const number = first.httpPort;
    const second = await start({ port: { number, isChosen: false } });
    expect(second.httpPort).toBeGreaterThan(number);
    expect(printed).toContain(`port ${number} is in use, so it is ${second.httpPort}`);
    await expect(start({ port: { number, isChosen: true } })).rejects.toThrow(
      `Port ${number} is in use; name another with --port PORT.`,
    );
    // What was begun is ended: the folder is free again.
    expect((await start()).node.identity.name).toBe('desk-3');
  });

  test('is invited by who knows the token, and by nobody else', async () => {
    const token = makeJoinToken();
    const agent = await start({ token, host: '127.0.0.1' });
    const { nonce } = (await (await get(agent, '/invitation')).json()) as { nonce: string };
    const post = (body: object, headers: Record<string, string> = {}) =>
      get(agent, '/invitation', { method: 'POST', body: JSON.stringify(body), headers });
    const invitation = makeInvitation(':1', nonce, token.secret);
    expect((await post(invitation, { origin: 'http://evil.example' })).status).toBe(403);
    expect((await post({ ...invitation, proof: '00' })).status).toBe(403);
    const other = (await (await get(agent, '/invitation')).json()) as { nonce: string };
    expect((await post(makeInvitation(':1', other.nonce, token.secret))).status).toBe(202);
    expect(printed).toContain('Joining the cluster at 127.0.0.1:1');
    expect((await post({ pad: 'x'.repeat(10_000) })).status).toBe(413);
  });

  test('that was told its orchestrator is not to be invited', async () => {
    const agent = await start({ orchestrator: '127.0.0.1:1' });
    expect((await get(agent, '/invitation')).status).toBe(409);
  });
});
