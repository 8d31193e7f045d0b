import type { Priority } from '@waggle/shared/cluster/job.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HoldQueue, type Queued, toRank } from './hold-queue.ts';

const none: ReadonlySet<string> = new Set();
let count = 0;

function toJob(facts: Partial<Queued> = {}): Queued {
  const defaults = { line: 'a', priority: 'normal', isEmbedding: false, heldSince: 0, bodyBytes: 1 } as const;
  return { jobId: `job-${++count}`, ...defaults, ...facts };
}

function drain(queue: HoldQueue<Queued>): Queued[] {
  const jobs: Queued[] = [];
  for (let job = queue.best(none); job !== undefined; job = queue.best(none)) {
    jobs.push(job);
    queue.remove(job);
  }
  return jobs;
}

describe('HoldQueue', () => {
  it.each([
    ['high before normal before low', ['low', 'normal', 'high'], [2, 1, 0]],
    ['order of arrival within a band', ['normal', 'normal', 'normal'], [0, 1, 2]],
  ] as const)('%s', (_, bands, order) => {
    const queue = new HoldQueue();
    const jobs = bands.map((priority) => toJob({ priority }));
    for (const job of jobs) queue.add(job);
    expect(drain(queue).map((job) => jobs.indexOf(job))).toEqual(order);
  });

  it.each([
    ['normal', 'high', 10_000],
    ['low', 'normal', 30_000],
    ['low', 'high', 40_000],
  ] as const)('a %s job is overtaken by a %s one for %i ms and no longer', (lower, higher, ms) => {
    const queue = new HoldQueue();
    const old = toJob({ priority: lower });
    const overtaking = toJob({ priority: higher, heldSince: ms - 1 });
    const tooLate = toJob({ priority: higher, heldSince: ms + 1 });
    for (const job of [tooLate, overtaking, old]) queue.add(job);
    expect(drain(queue)).toEqual([overtaking, old, tooLate]);
  });

  it('puts embeddings one band below chat', () => {
    expect(toRank(toJob({ isEmbedding: true, priority: 'high' }))).toBe(toRank(toJob({ priority: 'normal' })));
    expect(toRank(toJob({ isEmbedding: true, priority: 'low' }))).toBeGreaterThan(toRank(toJob({ priority: 'low' })));
  });

  it('holds up no line by another', () => {
    const queue = new HoldQueue();
    const first = toJob({ line: 'a' });
    const second = toJob({ line: 'b', heldSince: 5 });
    queue.add(first);
    queue.add(second);
    expect(queue.best(new Set(['a']))).toBe(second);
    expect(queue.best(new Set(['a', 'b']))).toBeUndefined();
  });

  it('knows jobs by identity: two may carry the same id, and a line may change while a job is held', () => {
    const queue = new HoldQueue();
    const twins = [toJob({ jobId: 'same' }), toJob({ jobId: 'same' })] as const;
    for (const job of twins) queue.add(job);
    expect(queue.remove(twins[1])).toBe(true);
    expect(queue.best(none)).toBe(twins[0]);
    Object.assign(twins[0], { line: 'elsewhere' });
    expect(queue.remove(twins[0])).toBe(true);
    expect(queue.remove(twins[0])).toBe(false);
    expect([queue.size, queue.bytes, queue.best(none)]).toEqual([0, 0, undefined]);
    expect(() => [queue.add(twins[1]), queue.add(twins[1])]).toThrow(/held already/);
  });

  it('does what a sorted list would do, whatever comes in whatever order', () => {
    const job = fc.record({
      line: fc.constantFrom('a', 'b', 'c'),
      priority: fc.constantFrom<Priority>('high', 'normal', 'low'),
      isEmbedding: fc.boolean(),
      heldSince: fc.integer({ min: 0, max: 100_000 }),
      bodyBytes: fc.nat(),
    });
    const step = fc.oneof(
      { arbitrary: fc.record({ add: job }), weight: 3 },
      { arbitrary: fc.record({ removeAt: fc.nat({ max: 200 }) }), weight: 1 },
      { arbitrary: fc.record({ takeBeside: fc.subarray(['a', 'b', 'c']) }), weight: 1 },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const queue = new HoldQueue();
        const list: Queued[] = [];
        const forget = (gone: Queued) => {
          queue.remove(gone);
          list.splice(list.indexOf(gone), 1);
        };
        for (const action of steps) {
          if ('add' in action) {
            const added = toJob(action.add);
            queue.add(added);
            list.push(added);
          } else if ('removeAt' in action) {
            const gone = list[action.removeAt];
            if (gone !== undefined) forget(gone);
          } else {
            const blocked = new Set(action.takeBeside);
            const allowed = list.filter((held) => !blocked.has(held.line));
            const [expected] = allowed.toSorted((a, b) => toRank(a) - toRank(b));
            const best = queue.best(blocked);
            expect(best).toBe(expected);
            if (best !== undefined) forget(best);
          }
          expect(queue.size).toBe(list.length);
          expect(queue.bytes).toBe(list.reduce((sum, held) => sum + held.bodyBytes, 0));
          expect([...queue.jobs()]).toEqual(list);
        }
        expect(drain(queue)).toHaveLength(list.length);
      }),
    );
  });

  it('compares O(log n) per operation at 100,000 held jobs', () => {
    let compared = 0;
    const queue = new HoldQueue((a, b) => {
      compared++;
      return a.rank < b.rank || (a.rank === b.rank && a.order < b.order);
    });
    const held = 100_000;
    const random = seeded(7);
    const jobs = Array.from({ length: held }, () => toJob({ heldSince: random() * 1e6 }));
    const perOperation = (operations: number) => {
      const mean = compared / operations;
      compared = 0;
      return mean;
    };
    const logarithm = Math.log2(held);
    for (const job of jobs) queue.add(job);
    expect(perOperation(held)).toBeLessThan(logarithm);
    // Half of them leave from anywhere, as clients do; the rest goes in order.
    for (const job of jobs.filter((_, index) => index % 2 === 0)) queue.remove(job);
    expect(perOperation(held / 2)).toBeLessThan(2 * logarithm);
    expect(drain(queue)).toHaveLength(held / 2);
    expect(perOperation(held / 2)).toBeLessThan(3 * logarithm);
  });
});

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
