import type { LocalNode } from '@waggle/node-agent/create-node.ts';
import type { LogFacts } from '@waggle/shared/observing/logger.ts';
import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { settled } from '@waggle/shared/testing/hand-clock.ts';
import { describe, expect, it } from 'vitest';
import type { EngineNodeConfig } from '../config/compiled-config.ts';
import { EngineNodes } from './engine-nodes.ts';

const toConfig = (name: string, facts: Partial<EngineNodeConfig> = {}): EngineNodeConfig => ({
  kind: 'engine',
  name,
  dialect: 'ollama',
  url: `http://${name}:11434`,
  apiKey: undefined,
  slots: undefined,
  labels: { type: undefined, platform: undefined, capabilities: [] },
  ...facts,
});

/** Nodes that do nothing but tell what is done with them; each drain lasts until the test ends it. */
function setUp() {
  const events: string[] = [];
  const drains = new Map<string, () => void>();
  const creations = new Map<string, () => void>();
  const errors: unknown[] = [];
  let isSlow = false;
  let refused: string | undefined;
  const label = ({ name, slots }: EngineNodeConfig) => `${name}${slots ?? ''}`;
  const nodes = new EngineNodes({
    create: async (config) => {
      events.push(`create ${label(config)}`);
      if (isSlow) await new Promise<void>((resolve) => creations.set(label(config), resolve));
      const close = async () => void events.push(`close ${label(config)}`);
      return { identity: { name: label(config) }, close } as LocalNode;
    },
    attach: ({ identity: { name } }) => {
      if (name === refused) throw new Error(`another node is called ${name}`);
      events.push(`attach ${name}`);
      return {
        drain: () => {
          events.push(`drain ${name}`);
          return new Promise<void>((resolve) => drains.set(name, resolve));
        },
      };
    },
    logger: { ...silentLogger, error: (event: string, facts?: LogFacts) => void errors.push([event, facts]) },
  });
  const take = async () => {
    await settled();
    return events.splice(0);
  };
  return {
    nodes,
    take,
    drains,
    creations,
    errors,
    slow: () => (isSlow = true),
    refuse: (name: string | undefined) => (refused = name),
  };
}

describe('EngineNodes', () => {
  it('attaches what is new and leaves alone what is as it was', async () => {
    const { nodes, take } = setUp();
    await nodes.become([toConfig('a')]);
    expect(await take()).toEqual(['create a', 'attach a']);
    nodes.follow([toConfig('b'), toConfig('a')]);
    expect(await take()).toEqual(['create b', 'attach b']);
  });

  it('lets one that goes finish what it has', async () => {
    const { nodes, take, drains } = setUp();
    await nodes.become([toConfig('a')]);
    nodes.follow([]);
    expect(await take()).toEqual(['create a', 'attach a', 'drain a']);
    expect(nodes.nodes).toEqual([]);
    drains.get('a')?.();
    expect(await take()).toEqual(['close a']);
  });

  it('replaces one that changed when the new one is ready, in the same moment', async () => {
    const { nodes, take, drains, slow, creations } = setUp();
    await nodes.become([toConfig('a')]);
    await take();
    slow();
    nodes.follow([toConfig('a', { slots: 2 })]);
    expect(await take()).toEqual(['create a2']);
    creations.get('a2')?.();
    expect(await take()).toEqual(['drain a', 'attach a2']);
    drains.get('a')?.();
    expect(await take()).toEqual(['close a']);
    expect(nodes.nodes.map(({ identity }) => identity.name)).toEqual(['a2']);
  });

  it('follows what was wanted last, however often that changed meanwhile', async () => {
    const { nodes, take, slow, creations } = setUp();
    slow();
    nodes.follow([toConfig('a', { slots: 1 })]);
    await take();
    nodes.follow([toConfig('a', { slots: 2 })]);
    nodes.follow([toConfig('a', { slots: 3 })]);
    creations.get('a1')?.();
    expect(await take()).toEqual(['close a1', 'create a3']);
    creations.get('a3')?.();
    expect(await take()).toEqual(['attach a3']);
  });

  it('says of one that is not taken why, and tries it again with the next change', async () => {
    const { nodes, take, errors, refuse } = setUp();
    refuse('a');
    nodes.follow([toConfig('a'), toConfig('b')]);
    expect(await take()).toEqual(expect.arrayContaining(['close a', 'attach b']));
    expect(errors).toEqual([['node-not-taken', { error: 'another node is called a' }]]);
    refuse(undefined);
    nodes.follow([toConfig('a'), toConfig('b')]);
    expect(await take()).toEqual(['create a', 'attach a']);
    await expect(nodes.become([toConfig('c')])).resolves.toBeUndefined();
  });

  it('closes those that are there, those that leave, and those that are on their way', async () => {
    const { nodes, take, slow, creations } = setUp();
    await nodes.become([toConfig('a'), toConfig('b')]);
    nodes.follow([toConfig('b')]);
    slow();
    nodes.follow([toConfig('b'), toConfig('c')]);
    await take();
    let isClosed = false;
    const closed = nodes.close().then(() => (isClosed = true));
    await settled();
    expect(isClosed).toBe(false);
    creations.get('c')?.();
    await closed;
    expect((await take()).toSorted()).toEqual(['close a', 'close b', 'close c']);
  });
});
