import { type AnswerBatch, batchKind, isCommitting } from '@waggle/shared/chat/answer-batch.ts';
import { endpoints } from '@waggle/shared/chat/endpoints.ts';
import type { JobEnd, Priority, StartOptions } from '@waggle/shared/cluster/job.ts';
import type { Capability } from '@waggle/shared/cluster/model.ts';
import { notSeated } from '@waggle/shared/collections/roster.ts';
import { ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import { AnswerQueue } from '@waggle/shared/streams/answer-queue.ts';
import type { HeldJob, Placed } from '../scheduling/held-job.ts';
import type { Placement } from '../scheduling/placement.ts';
import type { ServedPlacement } from '../scheduling/served-placement.ts';
import { Attempt, type AttemptFailure, type AttemptOwner } from './attempt.ts';
import { judgeFailure, toFailureError, type Verdict } from './failure-policy.ts';
import type { Answer, InferenceRequest } from './inference.ts';
import type { InferenceDeps } from './inference-deps.ts';
import { toJobHeader, toLine } from './job-header.ts';
import { toMissingCapability } from './missing-capability.ts';
import { type AttemptRecord, countAttempts, type RequestRecord } from './request-record.ts';
import type { ResolvedModel } from './resolve-model.ts';
import { findUntranslatable } from './untranslatable.ts';

/** However often other reasons allow it, a job is tried no more than this. */
const mostAttempts = 8;
/** A job that is given back is no attempt, but somebody must give up in the end. */
const mostDeclined = 100;
/** A job that took this many nodes with it is not given to another. */
const mostKilled = 2;
/** Bodies up to this size are kept until the answer is whole; it is not worth letting go of them earlier. */
const keptBodyBytes = 65_536;
const noBody = new Uint8Array(0);
const nothingTried: ReadonlyMap<Placement, number> = new Map();
/** Silence is looked at again this soon where nobody else could take the job. */
const leastFirstEventMs = 1_000;
const predictionFactor = 4;

/**
 * One request from hold to end: held, placed, tried again elsewhere as long as nothing was handed on, then streamed.
 * Invariant: the reader gets exactly one of a complete answer and a throw, and no lane outlives the run uncancelled.
 */
export class JobRun implements Answer, HeldJob, AttemptOwner {
  readonly jobId: string;
  line: string;
  readonly priority: Priority;
  readonly isEmbedding: boolean;
  readonly heldSince: number;
  readonly deadlineAt: number | undefined;
  readonly bodyBytes: number;
  readonly group: symbol | undefined;
  readonly promptTokens: number;
  readonly maxTokens: number | undefined;
  readonly numCtx: number | undefined;
  readonly startOptions: StartOptions | undefined;
  readonly keepAliveSeconds: number | undefined;
  readonly needs: readonly Capability[];
  readonly stream: boolean;
  readonly targets: readonly string[];
  readonly model: string;
  readonly onlyNode: string | undefined;
  tried: ReadonlyMap<Placement, number> = nothingTried;
  seat = notSeated;
  leaveBy: number | undefined;
  pausedSince: number | undefined;
  lastError: ClusterError | undefined;
  readonly record: RequestRecord;
  /** Without its body once nobody else can be given the job. */
  #request: InferenceRequest;
  readonly #deps: InferenceDeps;
  readonly #queue: AnswerQueue<AnswerBatch>;
  readonly #signal: AbortSignal;
  #attempt: Attempt | undefined;
  #opening: AnswerBatch[] = [];
  #killed = 0;
  #declined = 0;
  #committed = false;
  /** The terminal event came; the word that the engine stopped may be still to come, with the usage. */
  #answered = false;
  /** Why the reader left with the whole answer waiting for him. */
  #left: ClusterError | undefined;
  #closed = false;

  constructor(
    deps: InferenceDeps,
    request: InferenceRequest,
    resolved: ResolvedModel,
    record: RequestRecord,
    signal: AbortSignal,
  ) {
    const { facts } = request;
    this.#deps = deps;
    this.#request = request;
    this.#signal = signal;
    this.record = record;
    this.jobId = request.requestId;
    this.targets = resolved.targets;
    this.model = facts.model;
    this.onlyNode = resolved.onlyNode;
    this.line = toLine(request, resolved, []);
    this.priority = request.priority;
    this.isEmbedding = endpoints[facts.endpoint].kind === 'embedding';
    this.heldSince = deps.clock.now();
    this.deadlineAt = request.deadlineMs === undefined ? undefined : request.receivedAt + request.deadlineMs;
    this.bodyBytes = request.body.byteLength;
    this.group = request.group;
    this.promptTokens = facts.promptTokens;
    this.maxTokens = facts.maxTokens;
    this.numCtx = facts.numCtx;
    this.startOptions = facts.startOptions;
    this.keepAliveSeconds = facts.keepAliveSeconds;
    this.needs = facts.needs;
    this.stream = facts.stream;
    this.#queue = new AnswerQueue<AnswerBatch>({
      // A getter would give each literal a hidden class of its own, which lives in old space and holds the whole request there.
      highWater: () => this.#bufferedBytes(),
      sizeOf: batchBytes,
      onDrain: () => this.#attempt?.resume(),
      onReturn: () => this.#abandon(new ClusterError('client-gone', 'the reader left'), false),
    });
  }

  [Symbol.asyncIterator](): AsyncIterator<AnswerBatch> {
    return this.#queue[Symbol.asyncIterator]();
  }

  start(): void {
    if (this.#signal.aborted) {
      this.#abandon(toClusterError(this.#signal.reason));
      return;
    }
    this.#signal.addEventListener('abort', this.#onAbort, { once: true });
    this.#deps.watchdog.watch(this);
    this.#deps.scheduler.hold(this);
  }

  placed(placed: Placed): void {
    const { placement, decision } = placed;
    const attemptRecord: AttemptRecord = {
      node: placement.node,
      engineId: placement.engineId,
      model: placement.model,
      decision,
      boundMs: this.#elapsed(),
    };
    this.record.attempts.push(attemptRecord);
    this.record.node = placement.node;
    this.record.state = 'running';
    this.#deps.budget.attempted(this.#deps.clock.now());
    this.#attempt = new Attempt(this.#deps, placed, attemptRecord, this);
    const remainingMs = this.deadlineAt === undefined ? undefined : this.deadlineAt - this.#deps.clock.now();
    const header = toJobHeader(this.#request, { placed, attempt: countAttempts(this.record), remainingMs });
    this.#attempt.start(header, this.#request.body);
  }

  lacks({ served }: ServedPlacement, need: Capability): ClusterError {
    const { facts, body } = this.#request;
    return toMissingCapability(need, { ...facts, body }, served.engine.report.kind);
  }

  refusedBy({ served }: ServedPlacement): ClusterError | undefined {
    return findUntranslatable(this.#request, served.engine.report);
  }

  refused(error: ClusterError): void {
    this.#fail(error);
  }

  exclude(place: Placement, until: number, error: ClusterError): void {
    this.tried = new Map(this.tried).set(place, until);
    this.lastError = error;
    // It can go to fewer places than the others now, and must not hold them up as the head of their line.
    this.line = toLine(this.#request, this, this.tried.keys());
  }

  batch(batch: AnswerBatch): void {
    if (!this.#committed) {
      if (!isCommitting(batch)) {
        this.#opening.push(batch);
        return;
      }
      this.#committed = true;
      if (this.bodyBytes > keptBodyBytes) this.#request = { ...this.#request, body: noBody };
      this.record.firstEventMs = this.#elapsed();
      for (const opening of this.#opening) this.#queue.push(opening);
      this.#opening = [];
    }
    const isWelcome = this.#queue.push(batch);
    if ((batch.kinds & batchKind.end) !== 0) {
      this.#answered = true;
      this.#queue.end();
      // The word that the engine stopped is still to come, however slow the reader is.
      this.#attempt?.resume();
    } else if (!isWelcome) {
      this.#attempt?.pause();
    }
  }

  finished(end: JobEnd): void {
    this.#note(end);
    this.#unloadIfAsked();
    this.#closeAnswered();
  }

  failed(failure: AttemptFailure): void {
    const attempt = this.#attempt;
    if (attempt === undefined) return;
    this.#attempt = undefined;
    attempt.record.endedMs = this.#elapsed();
    if (this.#answered) {
      this.#closeAnswered();
      return;
    }
    const { placement } = attempt.placed;
    const error = toFailureError(failure, placement.node, placement.served.engine.report);
    // Many jobs of one moment are told to pause at once: that is one time, not many in a row.
    const isResting = this.#deps.clock.now() < placement.restUntil;
    const verdict = judgeFailure(failure, Math.max(0, placement.restsInRow - (isResting ? 1 : 0)));
    if (verdict.action === 'retry') this.#rest(attempt, verdict, error);
    if (failure.kind === 'lost') this.#killed++;
    if (failure.kind === 'declined') this.#declined++;
    if (this.#committed || verdict.action === 'fail' || !this.#mayRetry(verdict.costs)) {
      this.#fail(error);
      return;
    }
    this.#retry(placement, verdict.excludeMs, error);
  }

  /** Called by the watchdog: a silent engine is given up where somebody else can take the job. */
  check(now: number): void {
    const attempt = this.#attempt;
    if (attempt === undefined || this.#answered) return;
    const { limits, scheduler } = this.#deps;
    const silentMs = attempt.silentMs(now);
    if (this.#committed) {
      if (silentMs > limits.stallMaxMs) this.#giveUp(attempt, `no event for ${Math.round(silentMs / 1000)} s`, false);
      return;
    }
    const { predicted, bound, placement } = attempt.placed;
    const waitedMs = now - bound.boundAt;
    const deadlineMs = predicted.trusted
      ? Math.max(leastFirstEventMs, predictionFactor * predicted.firstEventMs)
      : limits.firstEventMaxMs;
    if (waitedMs > limits.firstEventMaxMs)
      this.#giveUp(attempt, `no first event within ${Math.round(waitedMs / 1000)} s`, this.#mayRetry(true));
    else if (waitedMs > deadlineMs && (scheduler.couldPlace(this, placement) || !placement.engineUp)) {
      // Without another try the slow answer is better than none.
      if (this.#mayRetry(true)) this.#giveUp(attempt, `no first event after ${Math.round(waitedMs)} ms`, true);
    }
  }

  #giveUp(attempt: Attempt, reason: string, mayRetry: boolean): void {
    attempt.fault();
    attempt.cancel('failed', reason);
    this.#attempt = undefined;
    const error = new ClusterError('engine-failed', `node ${attempt.placed.placement.node}: ${reason}`);
    if (mayRetry) this.#retry(attempt.placed.placement, Number.POSITIVE_INFINITY, error);
    else this.#fail(error);
  }

  #mayRetry(costs: boolean): boolean {
    if (countAttempts(this.record) >= mostAttempts || this.#declined >= mostDeclined) return false;
    if (this.#killed >= mostKilled) return false;
    return !costs || this.#deps.budget.take(this.#deps.clock.now());
  }

  #retry(placement: Placement, excludeMs: number, error: ClusterError): void {
    this.#opening = [];
    this.exclude(placement, this.#deps.clock.now() + excludeMs, error);
    this.record.state = 'held';
    this.#deps.logger.debug('attempt-failed', { requestId: this.jobId, node: placement.node, error: error.message });
    this.#deps.scheduler.holdAgain(this);
  }

  #rest(attempt: Attempt, verdict: Extract<Verdict, { action: 'retry' }>, error: ClusterError): void {
    const { scheduler } = this.#deps;
    const { placement } = attempt.placed;
    if (verdict.rest === 'rejected') scheduler.reject(placement, error, 'engine');
    if (verdict.rest === 'shown') scheduler.reject(placement, error, 'request');
    if (verdict.rest === undefined || verdict.restMs === undefined) return;
    if (verdict.rest === 'model') {
      if (this.#deps.clock.now() >= placement.restUntil) placement.restsInRow++;
      scheduler.rest(placement, verdict.restMs, error);
    } else
      for (const served of placement.served.engine.models)
        scheduler.rest(scheduler.placement(served), verdict.restMs, error);
  }

  readonly #onAbort = (): void => this.#abandon(toClusterError(this.#signal.reason));

  /** The client left, its deadline passed, or we shut down. `isRead`: the reader has everything that came. */
  #abandon(error: ClusterError, isRead = this.#queue.isRead): void {
    if (this.#closed) return;
    if (this.#answered) {
      // Who stays, or has read it all, has his whole answer whatever comes now.
      if (error.code === 'client-gone' && !isRead) this.#left ??= error;
      return;
    }
    if (this.#attempt === undefined) this.#deps.scheduler.drop(this);
    else this.#attempt.cancel('cancelled', error.message);
    this.#fail(error);
  }

  #closeAnswered(): void {
    if (this.#left !== undefined) this.record.error = { code: this.#left.code, message: this.#left.message };
    this.#close(this.#left === undefined ? 'done' : 'client-gone');
  }

  #fail(error: ClusterError): void {
    if (this.#closed) return;
    this.record.error = { code: error.code, message: error.message };
    this.#queue.fail(error);
    this.#close(error.code === 'client-gone' ? 'client-gone' : 'failed');
  }

  #close(state: RequestRecord['state']): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#attempt = undefined;
    this.record.state = state;
    this.record.endedMs = this.#elapsed();
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#deps.watchdog.forget(this);
    this.#deps.requests.end(this.record);
  }

  #note(end: JobEnd): void {
    const { usage, timings } = end;
    if (usage !== undefined) this.record.usage = usage;
    const uncached = (usage?.promptTokens ?? 0) - (usage?.cachedTokens ?? 0);
    if (timings?.prefillMs !== undefined && timings.prefillMs > 0 && uncached > 0)
      this.record.prefillRate = toRate(uncached, timings.prefillMs);
    if (timings?.decodeMs !== undefined && timings.decodeMs > 0 && usage !== undefined)
      this.record.decodeRate = toRate(usage.completionTokens, timings.decodeMs);
    const attempt = this.record.attempts.at(-1);
    if (attempt !== undefined) attempt.endedMs = this.#elapsed();
  }

  /** keep_alive 0 on a real call: the model goes, unless somebody waits for it. */
  #unloadIfAsked(): void {
    const placement = this.#attempt?.placed.placement;
    if (this.keepAliveSeconds !== 0 || placement === undefined) return;
    if (placement.running.size > 0 || this.#deps.scheduler.isWanted(placement.served.key)) return;
    void this.#deps.residency.release([placement.served]);
  }

  /** What may wait for a slow reader: its own bound, or its share of its engine's if many are slow. */
  #bufferedBytes(): number {
    const { streamBufferBytes, nodeBufferBytes } = this.#deps.limits;
    return Math.min(streamBufferBytes, nodeBufferBytes / Math.max(1, this.#attempt?.placed.placement.busyLanes ?? 1));
  }

  /** Milliseconds since the request was received. */
  #elapsed(): number {
    return this.#deps.clock.now() - this.#request.receivedAt;
  }
}

function batchBytes(batch: AnswerBatch): number {
  if (batch.form === 'native') return batch.bytes.byteLength;
  let bytes = 0;
  for (const event of batch.events) bytes += 'text' in event ? event.text.length : 256;
  return bytes;
}

function toRate(tokens: number, ms: number): number {
  return Math.round((tokens / ms) * 1e6) / 1e3;
}
