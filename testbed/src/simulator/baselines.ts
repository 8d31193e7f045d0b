import {
  type CreatePolicy,
  deadAfterMs,
  type JobWatch,
  type Policy,
  type Surroundings,
  suspectAfterMs,
} from './policy.ts';
import type { EngineWork, SimEngine } from './sim-engine.ts';
import type { SimFault, SimJob } from './workload.ts';

/** A rule that picks one of the nodes that are offered; what other balancers do, with correct counters. */
type Pick = (nodes: readonly BaselineNode[], job: SimJob) => BaselineNode | undefined;

interface BaselineNode {
  readonly engine: SimEngine;
  readonly jobs: Map<Task, EngineWork>;
  state: 'up' | 'suspect' | 'down';
  /** Rises with each freeze, so that a thaw cancels what the freeze began. */
  freezes: number;
  lastUsedAt: number;
}

interface Task {
  readonly job: SimJob;
  readonly watch: JobWatch;
  streamed: boolean;
}

const rules = {
  random:
    ({ random }: Surroundings): Pick =>
    (nodes) =>
      nodes[random.below(nodes.length)],
  'round-robin': (): Pick => {
    let cursor = 0;
    return (nodes) => nodes[cursor++ % nodes.length];
  },
  'least-connections': (): Pick => leastBusy,
  'two-choices':
    ({ random }: Surroundings): Pick =>
    (nodes) => {
      if (nodes.length < 2) return nodes[0];
      const first = random.below(nodes.length);
      const second = (first + 1 + random.below(nodes.length - 1)) % nodes.length;
      return leastBusy([first, second].flatMap((index) => nodes[index] ?? []));
    },
  /** Nodes that have the model in memory first, the least busy of them. */
  'warm-first': (): Pick => (nodes, job) => {
    const warm = nodes.filter(({ engine }) => engine.state(job.model) === 'hot');
    return leastBusy(warm.length > 0 ? warm : nodes);
  },
} satisfies Record<string, (surroundings: Surroundings) => Pick>;

export type RuleName = keyof typeof rules;
export const ruleNames = Object.keys(rules) as RuleName[];

/** `early`: chosen on arrival, the rest waits in the engine. `late`: held until the engine has a free slot for the model. */
export function createBaseline(rule: RuleName, binding: 'early' | 'late'): CreatePolicy {
  return (surroundings) => new Baseline(surroundings, rules[rule](surroundings), binding);
}

function leastBusy(nodes: readonly BaselineNode[]): BaselineNode | undefined {
  return nodes.toSorted((a, b) => a.jobs.size - b.jobs.size || a.lastUsedAt - b.lastUsedAt)[0];
}

class Baseline implements Policy {
  readonly #surroundings: Surroundings;
  readonly #pick: Pick;
  readonly #binding: 'early' | 'late';
  readonly #nodes: readonly BaselineNode[];
  #held: Task[] = [];
  #uses = 0;

  constructor(surroundings: Surroundings, pick: Pick, binding: 'early' | 'late') {
    this.#surroundings = surroundings;
    this.#pick = pick;
    this.#binding = binding;
    this.#nodes = surroundings.engines.map((engine) => ({
      engine,
      jobs: new Map(),
      state: 'up',
      freezes: 0,
      lastUsedAt: 0,
    }));
  }

  submit(job: SimJob, watch: JobWatch): void {
    this.#held.push({ job, watch, streamed: false });
    this.#match();
  }

  fault({ node: name, kind }: SimFault): void {
    const node = this.#nodes.find(({ engine }) => engine.spec.name === name);
    if (node === undefined) return;
    if (kind === 'kill') {
      node.engine.crash();
      this.#lose(node);
    } else if (kind === 'rejoin') {
      node.state = 'up';
    } else if (kind === 'freeze') {
      this.#freeze(node);
    } else if (kind === 'thaw') {
      node.freezes++;
      node.engine.freeze(false);
      node.state = 'up';
    }
    this.#match();
  }

  checkIdle(): void {
    const left = this.#held.length + this.#nodes.reduce((sum, node) => sum + node.jobs.size, 0);
    if (left > 0) throw new Error(`${left} jobs are left over`);
  }

  #freeze(node: BaselineNode): void {
    const { clock } = this.#surroundings;
    const freeze = ++node.freezes;
    node.engine.freeze(true);
    clock.schedule(suspectAfterMs, () => {
      if (node.freezes === freeze) node.state = 'suspect';
    });
    clock.schedule(deadAfterMs, () => {
      if (node.freezes !== freeze) return;
      for (const work of node.jobs.values()) node.engine.cancel(work);
      this.#lose(node);
      this.#match();
    });
  }

  /** What had not begun to stream is tried again, first of all. */
  #lose(node: BaselineNode): void {
    node.state = 'down';
    const tasks = [...node.jobs.keys()];
    node.jobs.clear();
    for (const task of tasks) if (task.streamed) task.watch.ended('failed', 'the node was lost');
    this.#held.unshift(...tasks.filter((task) => !task.streamed));
  }

  #match(): void {
    const still: Task[] = [];
    for (const task of this.#held) if (!this.#bind(task)) still.push(task);
    this.#held = still;
  }

  #bind(task: Task): boolean {
    const { job } = task;
    const offered = this.#nodes.filter((node) => node.state === 'up' && this.#hasRoom(node, job));
    const node = offered.length > 0 ? this.#pick(offered, job) : undefined;
    if (node === undefined) return false;
    node.lastUsedAt = ++this.#uses;
    const work: EngineWork = {
      model: job.model,
      promptTokens: job.promptTokens,
      outputTokens: job.outputTokens,
      onFirstToken: () => {
        task.streamed = true;
        task.watch.firstToken();
      },
      onEnd: () => {
        node.jobs.delete(task);
        task.watch.ended('done');
        this.#match();
      },
    };
    node.jobs.set(task, work);
    node.engine.start(work);
    return true;
  }

  #hasRoom(node: BaselineNode, job: SimJob): boolean {
    if (this.#binding === 'early') return true;
    const { parallel, maxLoaded } = node.engine.spec;
    if (node.jobs.size >= parallel * maxLoaded) return false;
    let own = 0;
    for (const task of node.jobs.keys()) if (task.job.model === job.model) own++;
    return own < parallel;
  }
}
