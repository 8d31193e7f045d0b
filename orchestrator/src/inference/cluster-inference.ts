import type { AnswerBatch } from '@waggle/shared/chat/answer-batch.ts';
import { endpoints } from '@waggle/shared/chat/endpoints.ts';
import { ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { NodeRegistry } from '../cluster/node-registry.ts';
import { splitEmbedding } from './embedding-split.ts';
import type { Answer, Inference, InferenceRequest } from './inference.ts';
import type { InferenceDeps } from './inference-deps.ts';
import { JobRun } from './job-run.ts';
import { RequestLog } from './request-log.ts';
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
  /** Where the parts of a request are kept, which is listed itself. */
  readonly #unlisted = new RequestLog(0);

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
    const parts: RequestRecord[] = [];
    const launchPart = (part: InferenceRequest, both: AbortSignal) => {
      const partRecord = toRecord(part);
      parts.push(partRecord);
      return launch({ ...this.#deps, requests: this.#unlisted }, part, resolved, partRecord, both);
    };
    const split = splitEmbedding(request, launchPart, signal);
    if (split !== undefined) return { record, [Symbol.asyncIterator]: () => this.#follow(record, split, parts) };
    return launch(this.#deps, request, resolved, record, signal);
  }

  /** Waits for the model to appear while the cluster comes together. */
  async *#settle(
    request: InferenceRequest,
    record: RequestRecord,
    signal: AbortSignal,
  ): ReturnType<Answer[typeof Symbol.asyncIterator]> {
    const since = this.#deps.clock.now();
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
      const { deadlineMs } = request;
      const waitedMs = this.#deps.clock.now() - since;
      const late = deadlineMs === undefined ? request : { ...request, deadlineMs: deadlineMs - waitedMs };
      yield* this.#start(late, record, resolved, signal);
      return;
    }
  }

  /** Keeps the record of an answer that is more than one job. */
  async *#follow(
    record: RequestRecord,
    batches: AsyncIterable<AnswerBatch>,
    parts: readonly RequestRecord[],
  ): ReturnType<Answer[typeof Symbol.asyncIterator]> {
    let failure: ClusterError | undefined;
    try {
      for await (const batch of batches) {
        takeParts(record, parts);
        record.firstEventMs ??= elapsed(record);
        yield batch;
      }
      record.state = 'done';
    } catch (thrown) {
      takeParts(record, parts);
      failure = toClusterError(thrown);
      throw failure;
    } finally {
      failure ??= record.state === 'done' ? undefined : new ClusterError('client-gone', 'the reader left');
      if (failure !== undefined) this.#noteFailure(record, failure);
      else this.#end(record);
    }
  }

  #refuse(record: RequestRecord, error: ClusterError): Answer {
    const failure = this.#noteFailure(record, inWordsOf(record, error));
    return { record, [Symbol.asyncIterator]: () => failing(failure) };
  }

  #noteFailure(record: RequestRecord, error: ClusterError): ClusterError {
    record.state = error.code === 'client-gone' ? 'client-gone' : 'failed';
    record.error = { code: error.code, message: error.message };
    this.#end(record);
    return error;
  }

  #end(record: RequestRecord): void {
    record.endedMs = elapsed(record);
    this.#deps.requests.end(record);
  }
}

function launch(
  deps: InferenceDeps,
  request: InferenceRequest,
  resolved: ResolvedModel,
  record: RequestRecord,
  signal: AbortSignal,
): Answer {
  const run = new JobRun(deps, request, resolved, record, signal);
  run.start();
  return run;
}

// oxlint-disable-next-line require-yield -- an answer that is nothing but its failure
async function* failing(failure: ClusterError): ReturnType<Answer[typeof Symbol.asyncIterator]> {
  throw failure;
}

/** What the jobs of a split request did is the story of the request. */
function takeParts(record: RequestRecord, parts: readonly RequestRecord[]): void {
  record.attempts = parts.flatMap((part) => part.attempts);
  const { node } = parts.find((part) => part.node !== undefined) ?? {};
  if (node !== undefined) record.node = node;
  const promptTokens = parts.reduce((sum, part) => sum + (part.usage?.promptTokens ?? 0), 0);
  if (promptTokens > 0) record.usage = { promptTokens, completionTokens: 0 };
}

function elapsed(record: RequestRecord): number {
  return Date.now() - Date.parse(record.receivedAt);
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
