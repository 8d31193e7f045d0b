import { NodeRegistry } from '@waggle/orchestrator/cluster/node-registry.ts';
import { ClusterInference } from '@waggle/orchestrator/inference/cluster-inference.ts';
import { ClusterResidency } from '@waggle/orchestrator/inference/cluster-residency.ts';
import type { InferenceRequest } from '@waggle/orchestrator/inference/inference.ts';
import { Prober } from '@waggle/orchestrator/inference/prober.ts';
import { RequestLog } from '@waggle/orchestrator/inference/request-log.ts';
import { Watchdog } from '@waggle/orchestrator/inference/watchdog.ts';
import { RetryBudget } from '@waggle/orchestrator/scheduling/retry-budget.ts';
import { Scheduler } from '@waggle/orchestrator/scheduling/scheduler.ts';
import { toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { deadAfterMs, type JobWatch, type Policy, type Surroundings, suspectAfterMs } from './policy.ts';
import type { SimEngine } from './sim-engine.ts';
import { SimLink } from './sim-link.ts';
import type { SimFault, SimJob } from './workload.ts';

/** The orchestrator itself, from the request to the lane; only engines and time are simulated. */
export class WagglePolicy implements Policy {
  readonly #surroundings: Surroundings;
  readonly #registry: NodeRegistry;
  readonly #scheduler: Scheduler;
  readonly #inference: ClusterInference;
  readonly #links = new Map<string, SimLink>();
  readonly #jobs = new Map<string, SimJob>();
  readonly #freezes = new Map<string, number>();
  #epoch = 0;

  constructor(surroundings: Surroundings) {
    const { clock } = surroundings;
    const logger = silentLogger;
    this.#surroundings = surroundings;
    this.#registry = new NodeRegistry({ clock, logger });
    const limits = { queueSize: 512, heldBytes: 1e9, concurrency: undefined, modelLoadMaxMs: 600_000 };
    this.#scheduler = new Scheduler({ registry: this.#registry, limits, clock, logger });
    const aliases = () => new Map<string, readonly string[]>();
    this.#inference = new ClusterInference(
      {
        scheduler: this.#scheduler,
        budget: new RetryBudget(),
        requests: new RequestLog({ recentRequests: 0 }),
        watchdog: new Watchdog(clock),
        residency: new ClusterResidency({ registry: this.#registry, scheduler: this.#scheduler, aliases, logger }),
        limits: {
          firstEventMaxMs: 600_000,
          stallMaxMs: 300_000,
          streamBufferBytes: Number.POSITIVE_INFINITY,
          nodeBufferBytes: Number.POSITIVE_INFINITY,
        },
        awaitsNodes: () => false,
        clock,
        now: () => clock.now(),
        logger,
      },
      this.#registry,
      aliases,
    );
    new Prober({ scheduler: this.#scheduler, clock, logger }).start();
    for (const engine of surroundings.engines) this.#join(engine);
  }

  submit(job: SimJob, watch: JobWatch): void {
    this.#sync();
    this.#jobs.set(job.id, job);
    void this.#follow(job, watch);
  }

  fault({ node, kind }: SimFault): void {
    const engine = this.#surroundings.engines.find(({ spec }) => spec.name === node);
    const link = this.#links.get(node);
    if (engine === undefined || link === undefined) return;
    this.#sync();
    if (kind === 'kill') {
      engine.crash();
      link.break('killed');
    } else if (kind === 'rejoin') {
      this.#join(engine);
    } else if (kind === 'freeze') {
      this.#freeze(engine, link);
    } else if (kind === 'thaw') {
      this.#freezes.delete(node);
      engine.freeze(false);
      if (link.isBroken) this.#join(engine);
      else this.#registry.recovered(link);
    }
  }

  checkIdle(): void {
    const { heldJobs, runningJobs } = this.#scheduler;
    if (heldJobs + runningJobs > 0) throw new Error(`${heldJobs} jobs are held and ${runningJobs} run at the end`);
    for (const node of this.#registry.nodes) {
      for (const { lanes, models } of node.engines) {
        if (lanes.bound + lanes.draining > 0) throw new Error(`a lane of ${node.name} is taken at the end`);
        if (models.some((served) => served.running.size > 0)) throw new Error(`${node.name} has a job at the end`);
      }
    }
  }

  async #follow(job: SimJob, watch: JobWatch): Promise<void> {
    const answer = this.#inference.run(toRequest(job, this.#surroundings.clock.now()), new AbortController().signal);
    try {
      let isFirst = true;
      for await (const _ of answer) {
        if (isFirst) watch.firstToken();
        isFirst = false;
      }
    } catch (thrown) {
      watch.ended('failed', toClusterError(thrown).message);
      return;
    } finally {
      this.#jobs.delete(job.id);
    }
    watch.ended('done');
  }

  #sync(): void {
    for (const engine of this.#surroundings.engines) engine.advance();
    for (const link of this.#links.values()) link.sync();
  }

  #join(engine: SimEngine): void {
    const { clock, models } = this.#surroundings;
    const jobOf = (jobId: string) => {
      const job = this.#jobs.get(jobId);
      if (job === undefined) throw new Error(`job ${jobId} is over`);
      return job;
    };
    const link = new SimLink({ clock, engine, models, jobOf }, this.#registry, ++this.#epoch);
    this.#links.set(engine.spec.name, link);
  }

  #freeze(engine: SimEngine, link: SimLink): void {
    const { clock } = this.#surroundings;
    const { name } = engine.spec;
    const freeze = clock.now();
    this.#freezes.set(name, freeze);
    engine.freeze(true);
    clock.schedule(suspectAfterMs, () => {
      if (this.#freezes.get(name) === freeze) this.#registry.suspected(link);
    });
    clock.schedule(deadAfterMs, () => {
      if (this.#freezes.get(name) === freeze) link.break('silent');
    });
  }
}

function toRequest(job: SimJob, receivedAt: number): InferenceRequest {
  return {
    requestId: job.id,
    facts: {
      endpoint: 'ollama.chat',
      model: job.model,
      stream: true,
      action: 'run',
      needs: [],
      promptTokens: job.promptTokens,
      inputs: 1,
      includeUsage: false,
    },
    body: new Uint8Array(0),
    priority: job.priority,
    receivedAt,
    client: { address: '', userAgent: '' },
    answer: 'native',
  };
}
