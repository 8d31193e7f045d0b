import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type LaneDemand, LaneShares } from './lane-shares.ts';

const toDemand = (engineId: string, wanted: number, idle = 0, busy = 0): LaneDemand => ({
  engineId,
  wanted,
  idle,
  busy,
});

/** A node whose lanes open and close at once. */
class Node {
  readonly shares = new LaneShares();
  readonly idle = new Map<string, number>();
  readonly busy = new Map<string, number>();
  readonly engines: Readonly<Record<string, number>>;
  readonly lanes: number;
  now = 0;

  /** Slots by engine. */
  constructor(engines: Readonly<Record<string, number>>, lanes: number) {
    this.engines = engines;
    this.lanes = lanes;
    this.fit();
  }

  fit(): void {
    const before = this.state();
    const demands = Object.entries(this.engines).map(([engineId, slots]) => {
      const busy = this.busy.get(engineId) ?? 0;
      return toDemand(engineId, Math.min(8, slots - busy), this.idle.get(engineId), busy);
    });
    const busy = [...this.busy.values()].reduce((sum, count) => sum + count, 0);
    const shares = this.shares.share(demands, this.lanes - busy, this.now);
    this.idle.clear();
    for (const [engineId, count] of shares) this.idle.set(engineId, count);
    if (this.state() !== before) this.fit();
  }

  /** Lets time pass, turn by turn. */
  advance(ms: number): void {
    const end = this.now + ms;
    for (let next = this.shares.nextTurnAt; next !== undefined && next <= end; next = this.shares.nextTurnAt) {
      expect(next).toBeGreaterThan(this.now);
      this.now = next;
      this.fit();
    }
    this.now = end;
  }

  bind(engineId: string): boolean {
    const idle = this.idle.get(engineId) ?? 0;
    if (idle === 0) return false;
    this.idle.set(engineId, idle - 1);
    this.busy.set(engineId, (this.busy.get(engineId) ?? 0) + 1);
    this.fit();
    return true;
  }

  end(engineId: string): void {
    this.busy.set(engineId, (this.busy.get(engineId) ?? 0) - 1);
    this.idle.set(engineId, (this.idle.get(engineId) ?? 0) + 1);
    this.fit();
  }

  state(): string {
    return Object.keys(this.engines)
      .map(
        (engineId) =>
          `${engineId}${'o'.repeat(this.idle.get(engineId) ?? 0)}${'x'.repeat(this.busy.get(engineId) ?? 0)}`,
      )
      .join(' ');
  }
}

describe('as many lanes as engines, or more', () => {
  test('each has one before any has a second, and a second before any has a third', () => {
    expect(new Node({ a: 8, b: 8, c: 8 }, 3).state()).toBe('ao bo co');
    expect(new Node({ a: 8, b: 8, c: 8 }, 8).state()).toBe('aooo booo coo');
    expect(new Node({ a: 8, b: 1, c: 2 }, 8).state()).toBe('aooooo bo coo');
    expect(new Node({ a: 8, b: 0, c: 2 }, 4).state()).toBe('aoo b coo');
  });

  test('nobody loses a lane for what another would have more', () => {
    const node = new Node({ a: 8, b: 8 }, 3);
    expect(node.state()).toBe('aoo bo');
    node.bind('a');
    expect(node.state()).toBe('aox bo');
    node.end('a');
    expect(node.state()).toBe('aoo bo');
    node.bind('b');
    expect(node.state()).toBe('ao box');
    node.end('b');
    expect(node.state()).toBe('ao boo');
    node.advance(60_000);
    expect(node.state()).toBe('ao boo');
  });

  test('an engine that comes later has its lane at once', () => {
    const shares = new LaneShares();
    expect(shares.share([toDemand('a', 8, 4), toDemand('b', 8)], 4, 0)).toEqual(
      new Map([
        ['a', 2],
        ['b', 2],
      ]),
    );
    expect(shares.nextTurnAt).toBeUndefined();
  });
});

describe('fewer lanes than engines', () => {
  test('they take turns, one lane moving at a time', () => {
    const node = new Node({ a: 8, b: 8, c: 8 }, 2);
    const seen = [node.state()];
    for (let turn = 0; turn < 6; turn++) {
      node.advance(1_000);
      seen.push(node.state());
    }
    expect(seen).toEqual(['ao bo c', 'a bo co', 'ao b co', 'ao bo c', 'a bo co', 'ao b co', 'ao bo c']);
  });

  test('one lane for all goes round', () => {
    const node = new Node({ a: 8, b: 1, c: 2 }, 1);
    const seen: string[] = [];
    for (let turn = 0; turn < 4; turn++) {
      seen.push(node.state());
      node.advance(1_000);
    }
    expect(seen).toEqual(['ao b c', 'a bo c', 'a b co', 'ao b c']);
  });

  test('a busy engine keeps its lane for its turn, then those that wait have theirs', () => {
    const node = new Node({ a: 8, b: 8, c: 8 }, 2);
    for (let job = 0; job < 9; job++) {
      expect(node.bind('a')).toBe(true);
      node.advance(100);
      node.end('a');
    }
    expect(node.state()).toBe('ao bo c');
    node.bind('a');
    node.advance(60_000);
    expect(node.state()).toMatch(/^ax (bo c|b co)$/);
    node.end('a');
    expect(node.state()).toBe('a bo co');
  });

  test.each([8, 1])('however busy one with %i slots is, the others have their turns', (slots) => {
    const node = new Node({ a: slots, b: 8, c: slots }, 2);
    const servedMs = { a: 0, b: 0, c: 0 };
    for (let step = 0; step < 1_000; step++) {
      const hasBegun = node.bind('a');
      node.advance(30);
      for (const name of ['a', 'b', 'c'] as const) {
        if ((node.idle.get(name) ?? 0) + (node.busy.get(name) ?? 0) > 0) servedMs[name] += 30;
      }
      if (hasBegun) node.end('a');
    }
    for (const ms of Object.values(servedMs)) expect(ms / 30_000).toBeCloseTo(2 / 3, 1);
  });

  test('one with a job on its lane has no second one while others have none', () => {
    const node = new Node({ a: 8, b: 8 }, 2);
    node.bind('a');
    expect(node.state()).toBe('ax bo');
    const late = new Node({ a: 8 }, 2);
    late.bind('a');
    const demands = [toDemand('a', 7, 1, 1), toDemand('b', 8)];
    expect(late.shares.share(demands, 1, 0)).toEqual(new Map([['b', 1]]));
  });

  test('where all have a job on a lane, one that is left over is used', () => {
    const shares = new LaneShares();
    expect([...shares.share([toDemand('a', 7, 0, 1), toDemand('b', 7, 0, 1)], 1, 0).values()]).toEqual([1]);
    expect(shares.nextTurnAt).toBeUndefined();
  });

  test('no lanes to give: nothing is given, and nothing breaks', () => {
    const shares = new LaneShares();
    expect(shares.share([toDemand('a', 7, 0, 2), toDemand('b', 7)], 0, 0).size).toBe(0);
    expect(shares.share([toDemand('a', 7, 0, 2), toDemand('b', 7)], -3, 0).size).toBe(0);
  });

  test('one that was given a lane it cannot open yet stays first', () => {
    const shares = new LaneShares();
    const engines = (idleA: number) => [toDemand('a', 8, idleA), toDemand('b', 8), toDemand('c', 8)];
    expect([...shares.share(engines(1), 1, 0).keys()]).toEqual(['a']);
    // The lane of `a` takes its time to close.
    for (const now of [1_000, 1_500, 9_000]) expect([...shares.share(engines(0), 1, now).keys()]).toEqual(['b']);
  });
});

test('random jobs: shares are within bounds, and whoever waits comes to have a lane', () => {
  const slots = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 6 });
  const step = fc.record({
    engine: fc.nat(5),
    action: fc.constantFrom('bind' as const, 'end' as const, 'pass' as const),
    ms: fc.integer({ min: 1, max: 700 }),
  });
  fc.assert(
    fc.property(slots, fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 60 }), (counts, lanes, steps) => {
      const engines = Object.fromEntries(counts.map((count, index) => [`e${index}`, count]));
      const node = new Node(engines, lanes);
      const names = Object.keys(engines);
      const check = () => {
        const open = [...node.idle.values(), ...node.busy.values()].reduce((sum, count) => sum + count, 0);
        expect(open).toBeLessThanOrEqual(lanes);
        for (const name of names) {
          const [idle, busy] = [node.idle.get(name) ?? 0, node.busy.get(name) ?? 0];
          expect(idle + busy).toBeLessThanOrEqual(engines[name] ?? 0);
        }
        const lanesOf = (name: string) => (node.idle.get(name) ?? 0) + (node.busy.get(name) ?? 0);
        const hasSecond = names.some((name) => (node.idle.get(name) ?? 0) > 0 && lanesOf(name) > 1);
        const isWaiting = names.some((name) => lanesOf(name) === 0 && engines[name] !== 0);
        expect(hasSecond && isWaiting).toBe(false);
      };
      for (const { engine, action, ms } of steps) {
        const name = `e${engine % names.length}`;
        if (action === 'bind') node.bind(name);
        else if (action === 'end' && (node.busy.get(name) ?? 0) > 0) node.end(name);
        else node.advance(ms);
        check();
      }
      for (const name of names) while ((node.busy.get(name) ?? 0) > 0) node.end(name);
      for (let turn = 0; turn < names.length; turn++) {
        node.advance(1_000);
        check();
      }
      const served = new Set<string>();
      for (let turn = 0; turn <= names.length; turn++) {
        for (const name of names) if ((node.idle.get(name) ?? 0) > 0 || engines[name] === 0) served.add(name);
        node.advance(1_000);
      }
      expect(served.size).toBe(names.length);
    }),
    { numRuns: 200 },
  );
});
