import { ClusterError } from '@waggle/shared/errors/cluster-error.ts';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FakeCluster, type FakeNode } from '../testing/fake-cluster.ts';
import { RecordingJob } from '../testing/recording-job.ts';
import type { Placed } from './held-job.ts';

/** The nodes and the attempts of a cluster, played at random; what it looks like from outside is compared with what must be. */
class RandomCluster {
  readonly cluster = new FakeCluster({ queueSize: 30 });
  readonly #nodes = new Map<string, FakeNode>();
  readonly #jobs: RecordingJob[] = [];
  /** Jobs on lanes, with their place; a lane that breaks tells its job. */
  readonly #running = new Map<Placed, RecordingJob>();
  #epoch = 0;

  join(name: string): void {
    const old = this.#nodes.get(name);
    const models = [{ parallel: 2 }, { name: 'qwen3:4b', state: 'cold' as const, parallel: 1 }];
    this.#nodes.set(name, this.cluster.join(name, { lanes: 2, models, epoch: ++this.#epoch }));
    // The old connection breaks only after the new one is there.
    for (const lane of old?.lanes ?? []) this.#lose(lane);
  }

  leave(name: string): void {
    const node = this.#nodes.get(name);
    if (node === undefined) return;
    for (const lane of [...node.lanes]) {
      this.#lose(lane);
      node.closeLane(lane);
    }
    node.leave();
    this.#nodes.delete(name);
  }

  on(name: string, action: (node: FakeNode) => void): void {
    const node = this.#nodes.get(name);
    if (node !== undefined) action(node);
  }

  closeLane(name: string, index: number): void {
    this.on(name, (node) => {
      const lane = node.lanes[index % Math.max(1, node.lanes.length)];
      if (lane === undefined) return;
      this.#lose(lane);
      node.closeLane(lane);
    });
  }

  hold(isOther: boolean): void {
    const target = isOther ? 'qwen3:4b' : 'llama3.2:latest';
    const heldSince = this.cluster.clock.now();
    const job = new RecordingJob(`job-${this.#jobs.length}`, { line: target, targets: [target], heldSince });
    job.onPlaced = (placed) => {
      expect([...this.#running.keys()].some((taken) => taken.lane === placed.lane)).toBe(false);
      this.#running.set(placed, job);
    };
    this.#jobs.push(job);
    this.cluster.scheduler.hold(job);
  }

  /** One running job ends, is cancelled, or is retried elsewhere. */
  act(index: number, what: 'end' | 'cancel' | 'retry'): void {
    const entry = [...this.#running][index % Math.max(1, this.#running.size)];
    if (entry === undefined) return;
    const [placed, job] = entry;
    if (what === 'cancel') {
      this.cluster.scheduler.drain(placed);
      return;
    }
    this.#release(placed);
    if (what === 'retry') this.#retry(job, placed);
  }

  drop(index: number): void {
    const job = [...this.cluster.scheduler.held()][index];
    if (job instanceof RecordingJob) {
      job.refusals.push(new ClusterError('client-gone', 'left'));
      this.cluster.scheduler.drop(job);
    }
  }

  async pass(ms: number): Promise<void> {
    for (const { link } of this.#nodes.values()) link.loads.at(-1)?.resolve();
    await this.cluster.clock.advance(ms);
  }

  check(): void {
    const { scheduler, registry } = this.cluster;
    let busy = 0;
    for (const node of registry.nodes) {
      for (const { lanes, models } of node.engines) {
        expect(lanes.idle + lanes.bound + lanes.draining).toBe([...lanes.lanes()].length);
        expect(lanes.busy).toBe(models.reduce((sum, served) => sum + served.running.size, 0));
        for (const served of models) expect(served.running.size).toBeLessThanOrEqual(served.report.parallel);
        busy += lanes.busy;
        if (node.state === 'left') expect([...lanes.lanes()]).toEqual([]);
      }
    }
    expect(busy).toBe(this.#running.size);
    expect(scheduler.runningJobs).toBe(this.#running.size);
    const held = new Set(scheduler.held());
    expect(held.size).toBe(scheduler.heldJobs);
    for (const job of this.#jobs) {
      const runs = [...this.#running.values()].filter((running) => running === job).length;
      // In exactly one of three states; refused once at most, and not placed after.
      expect(Number(held.has(job)) + runs + Number(job.refusals.length > 0)).toBeLessThanOrEqual(1);
      expect(job.refusals.length).toBeLessThanOrEqual(1);
    }
  }

  /** Everything comes to its end: nothing may be left. */
  async finish(): Promise<void> {
    this.join('a');
    // A node that is there opens lanes sooner or later; a job that no other may take waits for that.
    for (const node of this.#nodes.values()) if (node.lanes.length === 0) node.openLane();
    for (let turn = 0; turn < 400 && this.#running.size + this.cluster.scheduler.heldJobs > 0; turn++) {
      for (const placed of [...this.#running.keys()]) this.#release(placed);
      await this.pass(2_000);
    }
    this.check();
    expect([this.#running.size, this.cluster.scheduler.heldJobs, this.cluster.scheduler.heldBytes]).toEqual([0, 0, 0]);
    for (const job of this.#jobs) expect(job.places.length + job.refusals.length).toBeGreaterThan(0);
  }

  #release(placed: Placed): void {
    if (!this.#running.delete(placed)) return;
    this.cluster.scheduler.release(placed);
    this.cluster.scheduler.release(placed);
  }

  #retry(job: RecordingJob, placed: Placed): void {
    job.exclude(placed.placement, this.cluster.clock.now() + 1_000, new ClusterError('engine-failed', 'again'));
    this.cluster.scheduler.holdAgain(job);
  }

  #lose(lane: unknown): void {
    for (const [placed, job] of [...this.#running]) {
      if (placed.lane !== lane) continue;
      this.#running.delete(placed);
      this.cluster.scheduler.lose(placed);
      this.cluster.scheduler.lose(placed);
      this.#retry(job, placed);
    }
  }
}

const node = fc.constantFrom('a', 'b', 'c');
const index = fc.nat({ max: 20 });
type Step = (random: RandomCluster) => void | Promise<void>;

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.boolean().map(
      (isOther): Step =>
        (random) =>
          random.hold(isOther),
    ),
  },
  {
    weight: 4,
    arbitrary: index.map(
      (at): Step =>
        (random) =>
          random.act(at, 'end'),
    ),
  },
  {
    weight: 1,
    arbitrary: index.map(
      (at): Step =>
        (random) =>
          random.act(at, 'cancel'),
    ),
  },
  {
    weight: 1,
    arbitrary: index.map(
      (at): Step =>
        (random) =>
          random.act(at, 'retry'),
    ),
  },
  {
    weight: 1,
    arbitrary: index.map(
      (at): Step =>
        (random) =>
          random.drop(at),
    ),
  },
  {
    weight: 1,
    arbitrary: node.map(
      (name): Step =>
        (random) =>
          random.join(name),
    ),
  },
  {
    weight: 1,
    arbitrary: node.map(
      (name): Step =>
        (random) =>
          random.leave(name),
    ),
  },
  {
    weight: 1,
    arbitrary: node.map(
      (name): Step =>
        (random) =>
          random.on(name, (known) => known.suspect()),
    ),
  },
  {
    weight: 1,
    arbitrary: node.map(
      (name): Step =>
        (random) =>
          random.on(name, (known) => known.recover()),
    ),
  },
  {
    weight: 1,
    arbitrary: node.map(
      (name): Step =>
        (random) =>
          random.on(name, (known) => void known.openLane()),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(node, index).map(
      ([name, at]): Step =>
        (random) =>
          random.closeLane(name, at),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(node, fc.boolean(), fc.constantFrom('hot' as const, 'cold' as const)).map(
      ([name, draining, state]): Step =>
        (random) =>
          random.on(name, (known) =>
            known.report([{ parallel: 2 }, { name: 'qwen3:4b', state, parallel: 1 }], { draining }),
          ),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.integer({ min: 1, max: 4_000 }).map(
      (ms): Step =>
        (random) =>
          random.pass(ms),
    ),
  },
);

it('counts right whatever happens: no lane leaks, no job is on two lanes, none is lost', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { maxLength: 120 }), async (events) => {
      const random = new RandomCluster();
      random.join('a');
      for (const event of events) {
        await event(random);
        random.check();
      }
      await random.finish();
    }),
    { numRuns: 300 },
  );
});
