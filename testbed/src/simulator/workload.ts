import type { Priority } from '@waggle/shared/cluster/job.ts';
import { Random } from './random.ts';
import type { EngineSpec } from './sim-engine.ts';

export interface SimJob {
  readonly id: string;
  readonly at: number;
  readonly model: string;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly priority: Priority;
}

/** What happens to a node, at a time. `thaw` ends a `freeze`; `foreign` and `leave` put work past us onto its engine and end it. */
export interface SimFault {
  readonly at: number;
  readonly node: string;
  readonly kind: 'kill' | 'rejoin' | 'freeze' | 'thaw' | 'foreign' | 'unforeign';
}

export interface Workload {
  readonly name: string;
  readonly shows: string;
  readonly engines: readonly EngineSpec[];
  readonly models: readonly string[];
  /** Open arrivals; or a closed loop of clients that ask again when they were answered. */
  readonly jobs: readonly SimJob[];
  readonly clients?: number;
  readonly faults: readonly SimFault[];
}

const plain: Omit<EngineSpec, 'name' | 'hot'> = {
  parallel: 2,
  maxLoaded: 2,
  prefillMs: 0.5,
  decodeMs: 20,
  slowdownMs: 3,
  loadMs: 5_000,
};

function toEngine(name: string, facts: Partial<EngineSpec> = {}): EngineSpec {
  return { ...plain, name, hot: ['chat'], ...facts };
}

/** The same machine, so many times as fast. */
function toFaster(name: string, times: number, facts: Partial<EngineSpec> = {}): EngineSpec {
  const { prefillMs, decodeMs, slowdownMs } = { ...plain, ...facts };
  return toEngine(name, {
    ...facts,
    prefillMs: prefillMs / times,
    decodeMs: decodeMs / times,
    slowdownMs: slowdownMs / times,
  });
}

interface Sizes {
  readonly prompt: number;
  readonly output: number;
}

const usual: Sizes = { prompt: 400, output: 120 };

/** Lengths are log-normal around a median. */
const spread = 0.6;
const meanOverMedian = Math.exp(spread ** 2 / 2);

/** Jobs per second that the engines can finish when every lane of one model is busy. */
function capacity(engines: readonly EngineSpec[], sizes: Sizes, lanesOf: (spec: EngineSpec) => number): number {
  let perSecond = 0;
  for (const spec of engines) {
    const lanes = lanesOf(spec);
    const serviceMs =
      meanOverMedian *
      (sizes.prompt * spec.prefillMs * lanes + sizes.output * (spec.decodeMs + spec.slowdownMs * (lanes - 1)));
    perSecond += (1_000 * lanes) / serviceMs;
  }
  return perSecond;
}

interface Arrivals {
  readonly seed: number;
  readonly count: number;
  readonly perSecond: number;
  readonly sizes: Sizes;
  readonly model: (random: Random) => string;
  readonly priority?: (random: Random) => Priority;
}

function toJobs({ seed, count, perSecond, sizes, model, priority }: Arrivals): SimJob[] {
  const random = new Random(seed);
  const jobs: SimJob[] = [];
  let at = 0;
  for (let index = 0; index < count; index++) {
    at += random.exponential(1_000 / perSecond);
    jobs.push({
      id: `job-${index}`,
      at,
      model: model(random),
      promptTokens: random.length(sizes.prompt, spread, 8_000),
      outputTokens: random.length(sizes.output, spread, 2_000),
      priority: priority?.(random) ?? 'normal',
    });
  }
  return jobs;
}

const onlyChat = () => 'chat';
const chatLanes = (spec: EngineSpec) => spec.parallel;

export const workloads = {
  /** 6 models by Zipf's law on 3 nodes with room for 2 each. */
  w3(seed: number, count = 3_000): Workload {
    const models = ['m1', 'm2', 'm3', 'm4', 'm5', 'm6'];
    const engines = [
      toEngine('a', { hot: ['m1', 'm2'] }),
      toEngine('b', { hot: ['m3', 'm4'] }),
      toEngine('c', { hot: ['m5', 'm6'] }),
    ];
    const perSecond = 0.5 * capacity(engines, usual, (spec) => spec.parallel * spec.maxLoaded);
    const model = (random: Random) => models[random.zipf(models.length)] ?? 'm1';
    const jobs = toJobs({ seed, count, perSecond, sizes: usual, model });
    return { name: 'W3', shows: '6 models on 3 nodes with room for 2 each', engines, models, jobs, faults: [] };
  },

  /** Two models on one machine that has room for one. */
  w3b(seed: number, count = 1_000): Workload {
    const models = ['m1', 'm2'];
    const engines = [toEngine('a', { maxLoaded: 1, hot: ['m1'] })];
    const perSecond = 0.6 * capacity(engines, usual, chatLanes);
    const jobs = toJobs({ seed, count, perSecond, sizes: usual, model: (random) => models[random.below(2)] ?? 'm1' });
    return { name: 'W3b', shows: 'two models take turns on one machine', engines, models, jobs, faults: [] };
  },

  /** Node speeds 1 : 2 : 4. */
  w4(seed: number, count = 3_000): Workload {
    const engines = [toFaster('slow', 1), toFaster('middle', 2), toFaster('fast', 4)];
    const perSecond = 0.7 * capacity(engines, usual, chatLanes);
    const jobs = toJobs({ seed, count, perSecond, sizes: usual, model: onlyChat });
    return { name: 'W4', shows: 'node speeds 1 : 2 : 4', engines, models: ['chat'], jobs, faults: [] };
  },

  /** Equal nodes, unshared prompts: nothing to win. */
  w5(seed: number, count = 3_000): Workload {
    const engines = ['a', 'b', 'c', 'd'].map((name) => toEngine(name));
    const sizes = { prompt: 2_000, output: 60 };
    const perSecond = 0.7 * capacity(engines, sizes, chatLanes);
    const jobs = toJobs({ seed, count, perSecond, sizes, model: onlyChat });
    return { name: 'W5', shows: 'equal nodes, nothing to win', engines, models: ['chat'], jobs, faults: [] };
  },

  /** Equal nodes, short prompts and long answers. */
  w5b(seed: number, count = 3_000): Workload {
    const engines = ['a', 'b', 'c', 'd'].map((name) => toEngine(name));
    const sizes = { prompt: 50, output: 300 };
    const perSecond = 0.7 * capacity(engines, sizes, chatLanes);
    const jobs = toJobs({ seed, count, perSecond, sizes, model: onlyChat });
    return { name: 'W5b', shows: 'equal nodes, decode-bound', engines, models: ['chat'], jobs, faults: [] };
  },

  /** One or two clients on nodes of which half have the model in memory. */
  w7(seed: number, count = 1_000): Workload {
    const engines = [toEngine('a', { hot: [] }), toEngine('b'), toEngine('c', { hot: [] }), toEngine('d')];
    const jobs = toJobs({ seed, count, perSecond: 1, sizes: usual, model: onlyChat });
    return {
      name: 'W7',
      shows: 'two clients, half of the nodes cold',
      engines,
      models: ['chat'],
      jobs,
      clients: 2,
      faults: [],
    };
  },

  /** `load` times what the nodes can do, in three bands. */
  w9(seed: number, load: number, count = 3_000): Workload {
    const engines = ['a', 'b', 'c', 'd'].map((name) => toEngine(name));
    const perSecond = load * capacity(engines, usual, chatLanes);
    const priority = (random: Random): Priority => {
      const point = random.next();
      return point < 0.2 ? 'high' : point < 0.7 ? 'normal' : 'low';
    };
    const jobs = toJobs({ seed, count, perSecond, sizes: usual, model: onlyChat, priority });
    return { name: `W9 × ${load}`, shows: 'overload in three bands', engines, models: ['chat'], jobs, faults: [] };
  },

  /** Nodes die, freeze and come back; foreign work fills an engine. */
  w10(seed: number, count = 3_000): Workload {
    const engines = ['a', 'b', 'c', 'd'].map((name) => toEngine(name));
    const perSecond = 0.5 * capacity(engines, usual, chatLanes);
    const jobs = toJobs({ seed, count, perSecond, sizes: usual, model: onlyChat });
    const span = jobs.at(-1)?.at ?? 0;
    const faults: SimFault[] = [
      { at: span * 0.1, node: 'a', kind: 'kill' },
      { at: span * 0.2, node: 'a', kind: 'rejoin' },
      { at: span * 0.3, node: 'b', kind: 'freeze' },
      { at: span * 0.3 + 3_000, node: 'b', kind: 'thaw' },
      { at: span * 0.4, node: 'c', kind: 'freeze' },
      { at: span * 0.5, node: 'c', kind: 'thaw' },
      { at: span * 0.6, node: 'd', kind: 'foreign' },
      { at: span * 0.7, node: 'd', kind: 'unforeign' },
      { at: span * 0.8, node: 'a', kind: 'kill' },
      { at: span * 0.8 + 500, node: 'a', kind: 'rejoin' },
    ];
    return { name: 'W10', shows: 'nodes die, freeze, come back', engines, models: ['chat'], jobs, faults };
  },
} as const;
