import type { AnswerBatch, TypedBatch } from '@waggle/shared/chat/answer-batch.ts';
import { isCommitting } from '@waggle/shared/chat/answer-batch.ts';
import type { Timings, Usage } from '@waggle/shared/chat/chat-event.ts';
import { type EndpointName, endpoints } from '@waggle/shared/chat/endpoints.ts';
import type { JobEnd, JobFailure, JobHeader } from '@waggle/shared/cluster/job.ts';
import type { EngineHeaders, JobStats } from '@waggle/shared/dialects/dialect.ts';
import { dialects } from '@waggle/shared/dialects/dialects.ts';
import { toJobFailure } from '@waggle/shared/dialects/failures/job-failure.ts';
import { toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { JobOutput, RunningJob } from '@waggle/shared/lane-link/node-host.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import { inClientsName } from './clients-name.ts';
import { toFailure } from './engine-error.ts';
import { isFromWaggle, waggleWords } from './not-ourselves.ts';
import type { CallFailure, CallObserver, RunningCall } from './transport/engine-call.ts';
import type { EngineHttp } from './transport/engine-http.ts';

/** What both families' readers can do, whichever batches they make. */
export interface AnswerReader {
  push(chunk: Uint8Array): AnswerBatch | undefined;
  finish(): { readonly end: JobStats; readonly batch?: AnswerBatch };
}

/** A job as the engine is asked it. */
export interface EngineJob {
  /** The engine's own endpoint: of its dialect, whatever the client's was. */
  readonly endpoint: EndpointName;
  readonly path: string;
  /** In parts that follow one another. */
  readonly body: readonly Uint8Array[];
  readonly reader: AnswerReader;
}

export interface EngineRunDeps {
  readonly http: EngineHttp;
  readonly clock: Clock;
  /** Called when a cancelled job's connection is gone; resolves when the engine shows that it stopped. */
  readonly confirmStopped?: (run: CancelledRun) => Promise<{ readonly estimated: boolean }>;
  /** Called once, when the job's connection is no longer its own. */
  readonly connectionGone?: () => void;
  /** What a whole answer cost. */
  readonly measured?: (usage: Usage | undefined, timings: Timings) => void;
}

/** How far a job was when it was cancelled. */
export interface CancelledRun {
  readonly answered: boolean;
  readonly bodyBytes: number;
  readonly elapsedMs: number;
}

/**
 * One job on one connection of the engine: its answer goes out in the batches it came in, and it has ended when the
 * connection has, or was closed.
 */
export class EngineRun implements RunningJob, CallObserver {
  readonly #deps: EngineRunDeps;
  readonly #job: JobHeader;
  readonly #output: JobOutput;
  #endpoint: EndpointName;
  #reader: AnswerReader | undefined;
  #bodyBytes = 0;
  #call: RunningCall | undefined;
  #over = false;
  #startedAt = 0;
  #firstEventAt = 0;
  #lastEventAt = 0;
  #errorStatus = 0;
  #errorHeaders: EngineHeaders = {};
  #errorBody = '';

  constructor(deps: EngineRunDeps, job: JobHeader, output: JobOutput) {
    this.#deps = deps;
    this.#job = job;
    this.#output = output;
    this.#endpoint = job.endpoint;
  }

  /**
   * `prepare` makes the engine's request of the client's body; what it throws is the failure of the job. Neither body is kept: another
   * try is made elsewhere, by whoever has the client's.
   */
  start(clientsBody: Uint8Array, prepare: (job: JobHeader, body: Uint8Array) => EngineJob): this {
    this.#startedAt = this.#deps.clock.now();
    this.#bodyBytes = clientsBody.byteLength;
    try {
      const { endpoint, path, body, reader } = prepare(this.#job, clientsBody);
      this.#endpoint = endpoint;
      this.#reader = reader;
      this.#call = this.#deps.http.call({ method: 'POST', path, body, hops: this.#job.hops }, this);
    } catch (thrown) {
      const failure = toJobFailure(toClusterError(thrown));
      // Not from inside the caller's own call.
      queueMicrotask(() => this.#end({ outcome: 'failed', failure }));
    }
    return this;
  }

  cancel(): void {
    if (this.#over) return;
    this.#finish();
    const { confirmStopped, clock } = this.#deps;
    const run: CancelledRun = {
      answered: this.#firstEventAt !== 0,
      bodyBytes: this.#bodyBytes,
      elapsedMs: clock.now() - this.#startedAt,
    };
    const ended = (estimated: boolean) =>
      this.#output.ended(estimated ? { outcome: 'cancelled', estimated } : { outcome: 'cancelled' });
    const closed = () => {
      if (confirmStopped === undefined) return ended(false);
      confirmStopped(run).then(
        ({ estimated }) => ended(estimated),
        () => ended(true),
      );
    };
    if (this.#call === undefined) closed();
    else this.#call.abort(closed);
  }

  resume(): void {
    this.#call?.resume();
  }

  head(status: number, headers: EngineHeaders): void {
    if (isFromWaggle(headers)) return this.#fail({ cause: 'engine', code: 'engine-failed', message: waggleWords });
    if (status < 400) return;
    this.#errorStatus = status;
    this.#errorHeaders = headers;
  }

  data(bytes: Uint8Array): boolean {
    if (this.#over) return true;
    if (this.#errorStatus !== 0) {
      if (this.#errorBody.length < errorBodyMax) this.#errorBody += Buffer.from(bytes).toString('utf8');
      return true;
    }
    try {
      const batch = this.#reader?.push(bytes);
      return batch === undefined || this.#pass(batch);
    } catch (thrown) {
      this.#fail(toJobFailure(toClusterError(thrown)));
      return true;
    }
  }

  ended(): void {
    if (this.#over) return;
    if (this.#errorStatus !== 0) return this.#endRefused();
    try {
      const finished = this.#reader?.finish();
      if (finished?.batch !== undefined) this.#pass(finished.batch);
      const stats = finished?.end ?? {};
      const timings = this.#timings(stats.timings);
      this.#deps.measured?.(stats.usage, timings);
      this.#end({ outcome: 'done', usage: stats.usage, timings });
    } catch (thrown) {
      this.#end({ outcome: 'failed', failure: toJobFailure(toClusterError(thrown)) });
    }
  }

  failed(failure: CallFailure): void {
    if (this.#over) return;
    if (this.#errorStatus !== 0) this.#endRefused();
    else this.#end({ outcome: 'failed', failure: toFailure(failure) });
  }

  #pass(batch: AnswerBatch): boolean {
    if (isCommitting(batch)) {
      this.#lastEventAt = this.#deps.clock.now();
      if (this.#firstEventAt === 0) this.#firstEventAt = this.#lastEventAt;
    }
    return this.#output.batch(batch.form === 'events' ? this.#withTimings(batch) : batch);
  }

  /** A client of the other family is told the times too, by whoever can tell them. */
  #withTimings(batch: TypedBatch): TypedBatch {
    const end = batch.events.at(-1);
    if (end?.type !== 'response-end') return batch;
    return { ...batch, events: [...batch.events.slice(0, -1), { ...end, timings: this.#timings(end.timings) }] };
  }

  /** The engine's own figures where it gives them, else what was seen from here. */
  #timings(told: Timings | undefined): Timings {
    const { clock } = this.#deps;
    const prefillMs = told?.prefillMs ?? (this.#job.stream ? this.#firstEventAt - this.#startedAt : undefined);
    const decodeMs = told?.decodeMs ?? (this.#job.stream ? this.#lastEventAt - this.#firstEventAt : undefined);
    return {
      ...told,
      totalMs: told?.totalMs ?? clock.now() - this.#startedAt,
      prefillMs,
      decodeMs,
    };
  }

  #endRefused(): void {
    const endpoint = this.#endpoint;
    const { dialect } = endpoints[endpoint];
    const body = this.#errorBody.slice(0, errorBodyMax);
    const failure = dialects[dialect].classifyError(this.#errorStatus, this.#errorHeaders, body, endpoint);
    this.#end({ outcome: 'failed', failure: inClientsName(failure, this.#job) });
  }

  /** Ends the job although the engine would go on. */
  #fail(failure: JobFailure): void {
    if (this.#over) return;
    this.#finish();
    const ended = () => this.#output.ended({ outcome: 'failed', failure });
    if (this.#call === undefined) queueMicrotask(ended);
    else this.#call.abort(ended);
  }

  #end(end: JobEnd): void {
    if (this.#over) return;
    this.#finish();
    this.#output.ended(end);
  }

  #finish(): void {
    this.#over = true;
    this.#deps.connectionGone?.();
  }
}

const errorBodyMax = 65_536;
