import { endpoints } from '@waggle/shared/chat/endpoints.ts';
import { ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { NodeRegistry } from '../cluster/node-registry.ts';
import { splitEmbedding } from './embedding-split.ts';
import type { Answer, Inference, InferenceRequest } from './inference.ts';
import type { InferenceDeps } from './inference-deps.ts';
import { JobRun } from './job-run.ts';
import { RecordKeeper } from './record-keeper.ts';
import { RequestLog } from './request-log.ts';
import type { RequestRecord } from './request-record.ts';
import { type Aliases, type ResolvedModel, resolveModel } from './resolve-model.ts';
import { splitAnswers } from './several-answers.ts';

/** Agents need a moment to come back after a restart: while some are missing, an unknown model is waited for this long. */
const settlingMs = 5_000;
const settlingPollMs = 50;

/** Answers requests by the nodes of the cluster. */
export class ClusterInference implements Inference {
  readonly #deps: InferenceDeps;
  readonly #registry: NodeRegistry;
  readonly #aliases: () => Aliases;
  readonly #settledAt: number;
  readonly #keeper: RecordKeeper;
  /** Where the parts of a request are kept, which is listed itself. */
  readonly #unlisted = new RequestLog({ recentRequests: 0 });

  constructor(deps: InferenceDeps, registry: NodeRegistry, aliases: () => Aliases) {
    this.#deps = deps;
    this.#registry = registry;
    this.#aliases = aliases;
    this.#settledAt = deps.clock.now() + settlingMs;
    this.#keeper = new RecordKeeper(deps.requests, deps.clock);
  }

  run(request: InferenceRequest, signal: AbortSignal): Answer {
    const record = this.#keeper.begin(request);
    try {
      return this.#start(request, record, resolveModel(request.facts.model, this.#registry, this.#aliases()), signal);
    } catch (thrown) {
      const error = toClusterError(thrown);
      // What could be no name may still be one in the list of an engine that is on its way.
      const isUnknown = error.code === 'model-not-found' || error.code === 'bad-request';
      if (!isUnknown || !this.#isSettling) return this.#refuse(request, record, error);
      return { record, [Symbol.asyncIterator]: () => this.#settle(request, record, signal) };
    }
  }

  get #isSettling(): boolean {
    return this.#deps.clock.now() < this.#settledAt && this.#deps.awaitsNodes();
  }

  #start(request: InferenceRequest, record: RequestRecord, resolved: ResolvedModel, signal: AbortSignal): Answer {
    const parts: RequestRecord[] = [];
    const launchPart = (part: InferenceRequest, both: AbortSignal) => {
      const partRecord = this.#keeper.create(part);
      parts.push(partRecord);
      return launch({ ...this.#deps, requests: this.#unlisted }, part, resolved, partRecord, both);
    };
    const split = splitEmbedding(request, launchPart, signal);
    if (split !== undefined) {
      return {
        record,
        [Symbol.asyncIterator]: () => this.#keeper.follow(request, record, split, () => takeParts(record, parts)),
      };
    }
    const isOne = request.facts.inputs === 1 || this.#isNative(resolved);
    const several = isOne ? undefined : splitAnswers(request, launchPart, signal);
    if (several === undefined) return launch(this.#deps, request, resolved, record, signal);
    const learn = () => {
      takeParts(record, parts);
      const usage = several.usage();
      if (usage !== undefined) record.usage = usage;
    };
    return { record, [Symbol.asyncIterator]: () => this.#keeper.follow(request, record, several.batches, learn) };
  }

  /** Every place of the model takes a request of OpenAI's API as it is, for several answers, too. */
  #isNative({ targets, onlyNode }: ResolvedModel): boolean {
    return targets.every((target) =>
      this.#registry
        .places(target)
        .every(
          ({ engine }) => engine.report.dialect === 'openai' || (onlyNode ?? engine.node.name) !== engine.node.name,
        ),
    );
  }

  /** Waits for the model to appear while the cluster comes together. */
  async *#settle(
    request: InferenceRequest,
    record: RequestRecord,
    signal: AbortSignal,
  ): ReturnType<Answer[typeof Symbol.asyncIterator]> {
    for (;;) {
      await new Promise<void>((resolve) => this.#deps.clock.schedule(settlingPollMs, resolve));
      if (signal.aborted) throw this.#keeper.fail(request, record, toClusterError(signal.reason));
      let resolved: ResolvedModel;
      try {
        resolved = resolveModel(request.facts.model, this.#registry, this.#aliases());
      } catch (thrown) {
        if (this.#isSettling) continue;
        throw this.#keeper.fail(request, record, inWordsOf(request, toClusterError(thrown)));
      }
      yield* this.#start(request, record, resolved, signal);
      return;
    }
  }

  #refuse(request: InferenceRequest, record: RequestRecord, error: ClusterError): Answer {
    const failure = this.#keeper.fail(request, record, inWordsOf(request, error));
    return { record, [Symbol.asyncIterator]: () => failing(failure) };
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
}

/** Where Ollama is asked for embeddings, it says in other words that there is no such model. */
function inWordsOf({ facts }: InferenceRequest, error: ClusterError): ClusterError {
  const { endpoint, model } = facts;
  if (error.code !== 'model-not-found' || endpoints[endpoint].kind !== 'embedding') return error;
  const { details } = error;
  return new ClusterError(error.code, `model "${model}" not found, try pulling it first`, { details });
}
