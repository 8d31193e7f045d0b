import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../testing/fake-cluster.ts';
import { FakeLane, FakeLink } from '../testing/fake-link.ts';
import { toEngineReport, toModelReport, toNodeReport } from '../testing/reports.ts';
import { NodeRegistry } from './node-registry.ts';

describe('NodeRegistry', () => {
  it('finds places by any spelling of a model', () => {
    const cluster = new FakeCluster();
    cluster.join('a');
    cluster.join('b', { models: [{ name: 'Llama3.2' }] });
    expect(cluster.registry.served('LLAMA3.2:latest').map((place) => place.engine.node.name)).toEqual(['a', 'b']);
  });

  it('calls a node as the operator does, from the moment it joins', () => {
    const cluster = new FakeCluster();
    const { nodeId } = new FakeLink('laptop').identity;
    cluster.registry.describe(nodeId, { name: 'NODE_1', labels: { type: 'gpu' } });
    cluster.join('laptop');
    expect(cluster.registry.node('NODE_1')).toMatchObject({ name: 'NODE_1', labels: { type: 'gpu' } });
    expect(cluster.registry.node('laptop')).toBe(undefined);
    const twin = cluster.registry.joined(new FakeLink('NODE_1'), toNodeReport());
    expect(twin).toMatchObject({ reason: 'same-name' });
  });

  it('refuses a second living node of the same name, and names both', () => {
    const cluster = new FakeCluster();
    cluster.join('a');
    const twin = Object.assign(new FakeLink('a'), { identity: { ...new FakeLink('a').identity, nodeId: 'other' } });
    const refusal = cluster.registry.joined(twin, toNodeReport());
    expect(refusal).toMatchObject({ reason: 'same-name', message: expect.stringContaining('--name') });
  });

  it('keeps the names of its own nodes for them, whoever is quicker', () => {
    const cluster = new FakeCluster();
    const registry = new NodeRegistry({ clock: cluster.clock, logger: silentLogger, ownNames: new Set(['desk']) });
    const agent = Object.assign(new FakeLink('desk'), { address: '127.0.0.1:40000' });
    expect(registry.joined(agent, toNodeReport())).toMatchObject({ reason: 'same-name' });
    expect(registry.joined(new FakeLink('desk'), toNodeReport())).toBe(undefined);
  });

  it('lets a node of its own take the name of one that leaves, and means the new one by it', () => {
    const cluster = new FakeCluster();
    const old = cluster.join('desk');
    old.report([{}], { draining: true });
    const next = Object.assign(new FakeLink('desk'), {
      identity: { ...new FakeLink('desk').identity, nodeId: 'next' },
    });
    expect(cluster.registry.joined(next, toNodeReport())).toBeUndefined();
    expect(cluster.registry.node('desk')?.identity.nodeId).toBe('next');
    old.leave();
    expect(cluster.registry.node('desk')?.identity.nodeId).toBe('next');
    const agent = { ...next.identity, nodeId: 'agent' };
    const stranger = Object.assign(new FakeLink('desk'), { identity: agent, address: '127.0.0.1:40000' });
    cluster.registry.reported(next, toNodeReport({ draining: true }));
    expect(cluster.registry.joined(stranger, toNodeReport())).toMatchObject({ reason: 'same-name' });
  });

  it('keeps what was learned about a model over a reconnect and over its absence from a report', async () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a');
    const served = cluster.served('a');
    node.report([]);
    expect(cluster.registry.served('llama3.2')).toEqual([]);
    node.report([{}]);
    expect(cluster.served('a')).toBe(served);
    node.leave();
    cluster.join('a', { epoch: 2 });
    expect(cluster.served('a')).toBe(served);
  });

  it('ignores whatever an old connection of a node still says', () => {
    const cluster = new FakeCluster();
    const old = cluster.join('a', { lanes: 2 });
    const renewed = cluster.join('a', { epoch: 2, lanes: 1 });
    cluster.registry.laneOpened(old.link, new FakeLane(99, 'ollama'));
    cluster.registry.suspected(old.link);
    cluster.registry.reported(old.link, toNodeReport({ draining: true }));
    cluster.registry.left(old.link, 'late');
    const [node] = cluster.registry.nodes;
    expect(node).toMatchObject({ state: 'active', epoch: 2, link: renewed.link });
    expect(node?.engines[0]?.lanes).toMatchObject({ idle: 1, bound: 0, draining: 0 });
  });

  it('lists the models of a node that left for 30 s, and finds them no longer after', async () => {
    const cluster = new FakeCluster();
    cluster.join('a').leave();
    await cluster.clock.advance(29_000);
    expect(cluster.registry.served('llama3.2')).toHaveLength(1);
    expect(cluster.registry.nodes).toHaveLength(1);
    await cluster.clock.advance(2_000);
    expect(cluster.registry.served('llama3.2')).toEqual([]);
    expect(cluster.registry.nodes).toEqual([]);
  });

  it('prefers the node that is there to one of the same name that left', () => {
    const cluster = new FakeCluster();
    cluster.join('a').leave();
    const link = Object.assign(new FakeLink('a'), {
      identity: { ...new FakeLink('a').identity, nodeId: 'reinstalled' },
    });
    cluster.registry.joined(link, toNodeReport());
    expect(cluster.registry.node('a')?.link).toBe(link);
  });

  it('goes through suspect, draining and back', () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a');
    const state = () => cluster.registry.node('a')?.state;
    node.suspect();
    expect(state()).toBe('suspect');
    node.recover();
    expect(state()).toBe('active');
    node.report([{}], { draining: true });
    expect(state()).toBe('draining');
    node.suspect();
    expect(state()).toBe('draining');
    node.report([{}]);
    expect(state()).toBe('active');
    node.suspect();
    node.report([{}], { draining: true });
    expect(state()).toBe('draining');
    node.leave();
    expect(state()).toBe('left');
  });

  it('takes the models of an engine that vanished from the report out', () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a', { lanes: 0 });
    const other = toEngineReport({
      engineId: 'vllm',
      url: 'http://127.0.0.1:8000/v1',
      models: [toModelReport({ name: 'big' })],
    });
    node.report([{}], { engines: [toEngineReport(), other] });
    expect(cluster.registry.served('big')).toHaveLength(1);
    node.report([{}]);
    expect(cluster.registry.served('big')).toEqual([]);
    expect(cluster.registry.node('a')?.engines.map((engine) => engine.engineId)).toEqual(['ollama']);
  });

  it.each<[string, string, string, readonly string[]]>([
    ['one machine and one URL: once', 'one', 'http://localhost:11434', ['a']],
    ['one URL on two machines', 'two', 'http://127.0.0.1:11434', ['a', 'b']],
    ['two URLs on one machine', 'one', 'http://127.0.0.1:11435', ['a', 'b']],
  ])('uses each engine once: %s', (_, machineId, url, users) => {
    const { registry } = new FakeCluster();
    const join = (name: string, machine: string, engineUrl: string) => {
      const link = new FakeLink(name);
      Object.assign(link.identity, { machineId: machine });
      registry.joined(link, toNodeReport({ engines: [toEngineReport({ url: engineUrl })] }));
    };
    join('a', 'one', 'http://127.0.0.1:11434');
    join('b', machineId, url);
    expect(registry.served('llama3.2').map((place) => place.engine.node.name)).toEqual(users);
    const owner = users.length === 1 ? 'a' : undefined;
    expect(registry.node('b')?.engines[0]?.usedThrough?.node.name).toBe(owner);
    expect(registry.node('a')?.engines[0]?.usedThrough).toBe(undefined);
  });

  it('uses an engine through the node that can', () => {
    const { registry } = new FakeCluster();
    const join = (name: string, health: 'up' | 'down') => {
      const link = new FakeLink(name);
      Object.assign(link.identity, { machineId: 'one' });
      registry.joined(link, toNodeReport({ engines: [toEngineReport({ health })] }));
    };
    join('a', 'down');
    join('b', 'up');
    expect(registry.served('llama3.2').map((place) => place.engine.node.name)).toEqual(['b']);
    expect(registry.node('a')?.engines[0]?.usedThrough?.node.name).toBe('b');
  });

  it('smooths the round trip', () => {
    const cluster = new FakeCluster();
    const node = cluster.join('a');
    cluster.registry.measured(node.link, 10);
    cluster.registry.measured(node.link, 20);
    expect(cluster.registry.node('a')?.rttMs).toBeCloseTo(12);
  });
});
