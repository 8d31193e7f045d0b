import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../testing/fake-cluster.ts';
import { AwaitedNodes, type AwaitedNodesDeps } from './awaited-nodes.ts';

class KeptInMemory {
  readonly before: readonly string[];
  readonly kept: (readonly string[])[] = [];

  constructor(before: readonly string[] = []) {
    this.before = before;
  }

  keep(nodeIds: readonly string[]): void {
    this.kept.push(nodeIds);
  }
}

function create(facts: Partial<AwaitedNodesDeps> & { readonly known?: KeptInMemory } = {}) {
  const cluster = new FakeCluster();
  const known = facts.known ?? new KeptInMemory();
  const { registry, clock } = cluster;
  const awaited = new AwaitedNodes({
    cluster: registry,
    ownNames: new Set([]),
    isInviting: () => false,
    clock,
    ...facts,
    known,
  });
  return { cluster, awaited, known };
}

describe('AwaitedNodes', () => {
  it('miss somebody as long as nobody is there', () => {
    const { cluster, awaited } = create();
    expect(awaited.areMissing()).toBe(true);
    cluster.join('a');
    expect(awaited.areMissing()).toBe(false);
  });

  it('miss who was there before', () => {
    const { cluster, awaited } = create({ known: new KeptInMemory(['id-a', 'id-b']) });
    const a = cluster.join('a');
    expect(awaited.areMissing()).toBe(true);
    cluster.join('b');
    expect(awaited.areMissing()).toBe(false);
    a.leave();
    expect(awaited.areMissing()).toBe(true);
  });

  it('miss the nodes of this process until they are attached', () => {
    const { cluster, awaited } = create({ ownNames: new Set(['n0', 'n1']) });
    cluster.join('own');
    expect(awaited.areMissing()).toBe(true);
    cluster.join('desk');
    expect(awaited.areMissing()).toBe(false);
  });

  it('miss an agent that is invited', () => {
    let inviting = true;
    const { cluster, awaited } = create({ isInviting: () => inviting });
    cluster.join('a');
    expect(awaited.areMissing()).toBe(true);
    inviting = false;
    expect(awaited.areMissing()).toBe(false);
  });

  it('remember who is there, and who left a moment ago', async () => {
    const { cluster, awaited, known } = create();
    awaited.start();
    cluster.join('a');
    const b = cluster.join('b');
    await cluster.clock.advance(1_000);
    expect(known.kept.at(-1)?.toSorted()).toEqual(['id-a', 'id-b']);
    b.leave();
    await cluster.clock.advance(29_000);
    expect(known.kept.at(-1)?.toSorted()).toEqual(['id-a', 'id-b']);
    await cluster.clock.advance(2_000);
    awaited.stop();
    expect(known.kept.at(-1)).toEqual(['id-a']);
    await cluster.clock.advance(60_000);
    expect(known.kept.at(-1)).toEqual(['id-a']);
  });

  it('forget nobody of before until those had the time to come back', async () => {
    const { cluster, awaited, known } = create({ known: new KeptInMemory(['id-a', 'id-b']) });
    awaited.start();
    cluster.join('a');
    await cluster.clock.advance(4_999);
    expect(known.kept.at(-1)?.toSorted()).toEqual(['id-a', 'id-b']);
    await cluster.clock.advance(1);
    awaited.stop();
    expect(known.kept.at(-1)).toEqual(['id-a']);
  });
});
