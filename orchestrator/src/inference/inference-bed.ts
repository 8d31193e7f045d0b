import type { AnswerBatch } from '@waggle/shared/chat/answer-batch.ts';
import type { RequestFacts } from '@waggle/shared/dialects/requests/request-facts.ts';
import { type ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { silentLogger } from '@waggle/shared/observing/logger.ts';
import { settled } from '@waggle/shared/testing/hand-clock.ts';
import { ResponseCache } from '../caching/response-cache.ts';
import { RetryBudget } from '../scheduling/retry-budget.ts';
import { FakeCluster } from '../testing/fake-cluster.ts';
import { CachedInference } from './cached-inference.ts';
import { ClusterInference } from './cluster-inference.ts';
import { ClusterResidency } from './cluster-residency.ts';
import type { Answer, InferenceRequest } from './inference.ts';
import type { InferenceLimits } from './inference-deps.ts';
import { RequestLog } from './request-log.ts';
import type { RequestRecord } from './request-record.ts';
import { Watchdog } from './watchdog.ts';

const roomyLimits: InferenceLimits = {
  firstEventMaxMs: 600_000,
  stallMaxMs: 300_000,
  streamBufferBytes: 1e6,
  nodeBufferBytes: 1e9,
};

type Asked = Partial<Omit<InferenceRequest, 'facts'>> & { readonly facts?: Partial<RequestFacts> };

/** The whole way of a request, from its facts to the lanes of nodes that the test plays. */
export class InferenceBed {
  readonly cluster = new FakeCluster();
  readonly clock = this.cluster.clock;
  readonly budget = new RetryBudget();
  readonly requests = new RequestLog({ recentRequests: 100 });
  readonly cacheLimits = { maxBytes: 1e6, ttlMs: 60_000 };
  readonly cache: ResponseCache;
  readonly #inference: CachedInference;
  awaitsNodes = true;
  #count = 0;

  constructor(limits: Partial<InferenceLimits> = {}) {
    const { registry, scheduler, settings } = this.cluster;
    const aliases = () => new Map<string, readonly string[]>();
    const { clock, budget, requests } = this;
    this.cache = new ResponseCache(this.cacheLimits, clock);
    const inference = new ClusterInference(
      {
        scheduler,
        budget,
        requests,
        watchdog: new Watchdog(clock),
        residency: new ClusterResidency({ registry, scheduler, aliases, logger: silentLogger }),
        limits: { ...roomyLimits, ...limits },
        awaitsNodes: () => this.awaitsNodes,
        clock,
        now: () => clock.now(),
        logger: silentLogger,
      },
      registry,
      aliases,
    );
    this.#inference = new CachedInference({
      inference,
      cache: this.cache,
      registry,
      aliases,
      settings,
      requests,
      clock,
    });
  }

  /** A request whose answer nobody reads yet. */
  ask({ facts = {}, ...request }: Asked = {}): Asking {
    const controller = new AbortController();
    const whole: InferenceRequest = {
      requestId: `r${++this.#count}`,
      body: Buffer.from('{"model":"llama3.2"}'),
      priority: 'normal',
      receivedAt: this.clock.now(),
      client: { address: '127.0.0.1', userAgent: 'test' },
      answer: 'events',
      ...request,
      facts: {
        endpoint: 'ollama.chat',
        model: 'llama3.2',
        stream: true,
        action: 'run',
        needs: [],
        promptTokens: 20,
        inputs: 1,
        includeUsage: false,
        ...facts,
      },
    };
    return new Asking(this.#inference.run(whole, controller.signal), controller);
  }

  /** A request whose answer is read as fast as it comes. */
  run(asked: Asked = {}): Asking {
    const asking = this.ask(asked);
    void asking.readAll();
    return asking;
  }
}

/** One request as its client sees it. */
export class Asking {
  readonly iterator: AsyncIterator<AnswerBatch>;
  readonly record: RequestRecord;
  readonly batches: AnswerBatch[] = [];
  /** What was thrown; more than one would be a fault of ours. */
  readonly errors: ClusterError[] = [];
  isOver = false;
  readonly #controller: AbortController;

  constructor(answer: Answer, controller: AbortController) {
    this.record = answer.record;
    this.iterator = answer[Symbol.asyncIterator]();
    this.#controller = controller;
  }

  /** Asks once more after the end, too. */
  async readAll(): Promise<void> {
    for (let ends = 0; ends < 2; ) if (!(await this.read())) ends++;
    this.isOver = true;
  }

  /** False: nothing more came. */
  async read(): Promise<boolean> {
    try {
      const { done, value } = await this.iterator.next();
      if (done === true) return false;
      this.batches.push(value);
      return true;
    } catch (thrown) {
      this.errors.push(toClusterError(thrown));
      return false;
    }
  }

  async abort(reason: ClusterError): Promise<void> {
    this.#controller.abort(reason);
    await settled();
  }

  get text(): string {
    let text = '';
    for (const batch of this.batches) {
      if (batch.form === 'native') text += Buffer.from(batch.bytes).toString();
      else for (const event of batch.events) text += event.type === 'text-delta' ? event.text : '';
    }
    return text;
  }
}
