import { endpoints } from '@waggle/shared/chat/endpoints.ts';
import { ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { NodeRegistry } from '../cluster/node-registry.ts';
import { splitEmbedding } from './embedding-split.ts';
import type { Answer, Inference, InferenceRequest } from './inference.ts';
import type { InferenceDeps } from './inference-deps.ts';
import { JobRun } from './job-run.ts';
import type { RequestRecord } from './request-record.ts';
import { type Aliases, type ResolvedModel, resolveModel } from './resolve-model.ts';

/** Agents need a moment to come back after a restart: until then an unknown model is waited for, not refused. */
const settlingMs = 5_000;
const settlingPollMs = 50;

/** Answers requests by the nodes of the cluster. */
export class ClusterInference implements Inference {
  readonly #deps: InferenceDeps;
  readonly #registry: NodeRegistry;
  readonly #aliases: () => Aliases;
  readonly #settledAt: number;

  constructor(deps: InferenceDeps, registry: NodeRegistry, aliases: () => Aliases) {
    this.#deps = deps;
    this.#registry = registry;
    this.#aliases = aliases;
    this.#settledAt = deps.clock.now() + settlingMs;
  }

  run(request: InferenceRequest, signal: AbortSignal): Answer {
    const record = toRecord(request);
    this.#deps.requests.begin(record);
    try {
      return this.#start(request, record, resolveModel(request.facts.model, this.#registry, this.#aliases()), signal);
    } catch (thrown) {
      const error = toClusterError(thrown);
      if (error.code !== 'model-not-found' || this.#deps.clock.now() >= this.#settledAt)
        return this.#refuse(record, error);
      return { record, [Symbol.asyncIterator]: () => this.#settle(request, record, signal) };
    }
  }

  #start(request: InferenceRequest, record: RequestRecord, resolved: ResolvedModel, signal: AbortSignal): Answer {
    const split = splitEmbedding(request, (part, both) => this.#launch(part, toRecord(part), resolved, both), signal);
    if (split !== undefined) return { record, [Symbol.asyncIterator]: () => this.#follow(record, split) };
    return this.#launch(request, record, resolved, signal);
  }

  #launch(request: InferenceRequest, record: RequestRecord, resolved: ResolvedModel, signal: AbortSignal): Answer {
    const run = new JobRun(this.#deps, request, resolved, record, signal);
    run.start();
    return run;
  }

  /** Waits for the model to appear while the cluster comes together. */
  async *#settle(
    request: InferenceRequest,
    record: RequestRecord,
    signal: AbortSignal,
  ): ReturnType<Answer[typeof Symbol.asyncIterator]> {
    for (;;) {
      await new Promise<void>((resolve) => this.#deps.clock.schedule(settlingPollMs, resolve));
      if (signal.aborted) throw this.#noteFailure(record, toClusterError(signal.reason));
      let resolved: ResolvedModel;
      try {
        resolved = resolveModel(request.facts.model, this.#registry, this.#aliases());
      } catch (thrown) {
        if (this.#deps.clock.now() < this.#settledAt) continue;
        throw this.#noteFailure(record, inWordsOf(record, toClusterError(thrown)));
      }
      yield* this.#start(request, record, resolved, signal);
      return;
    }
  }

  /** Keeps the record of an answer that is not one job. */
  async *#follow(
    record: RequestRecord,
    batches: ReturnType<typeof splitEmbedding> & object,
  ): ReturnType<Answer[typeof Symbol.asyncIterator]> {
    try {
      yield* batches;
      record.state = 'done';
    } catch (thrown) {
      throw this.#noteFailure(record, toClusterError(thrown));
    } finally {
      if (record.state !== 'failed') {
        record.endedMs = Date.now() - Date.parse(record.receivedAt);
        this.#deps.requests.end(record);
      }
    }
  }

  #refuse(record: RequestRecord, error: ClusterError): Answer {
    const failure = this.#noteFailure(record, inWordsOf(record, error));
    // oxlint-disable-next-line require-yield -- an answer that is nothing but its failure
    async function* answer(): ReturnType<Answer[typeof Symbol.asyncIterator]> {
      throw failure;
    }
    return { record, [Symbol.asyncIterator]: answer };
  }

  #noteFailure(record: RequestRecord, error: ClusterError): ClusterError {
    record.state = error.code === 'client-gone' ? 'client-gone' : 'failed';
    record.error = { code: error.code, message: error.message };
    record.endedMs = Date.now() - Date.parse(record.receivedAt);
    this.#deps.requests.end(record);
    return error;
  }
}

/** Where Ollama is asked for embeddings, it says in other words that there is no such model. */
function inWordsOf({ endpoint, model }: RequestRecord, error: ClusterError): ClusterError {
  if (error.code !== 'model-not-found' || endpoints[endpoint].kind !== 'embedding') return error;
  const { details } = error;
  return new ClusterError(error.code, `model "${model}" not found, try pulling it first`, { details });
}

function toRecord(request: InferenceRequest): RequestRecord {
  const { facts } = request;
  return {
    requestId: request.requestId,
    endpoint: facts.endpoint,
    model: facts.model,
    stream: facts.stream,
    priority: request.priority,
    client: request.client,
    receivedAt: new Date().toISOString(),
    state: 'held',
    attempts: [],
  };
}
