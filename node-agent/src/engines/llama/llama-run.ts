import { toTypedBatch } from '@waggle/shared/chat/answer-batch.ts';
import type { ChatEvent, Timings } from '@waggle/shared/chat/chat-event.ts';
import type { JobEnd } from '@waggle/shared/cluster/job.ts';
import { toJobFailure } from '@waggle/shared/dialects/failures/job-failure.ts';
import { ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { JobOutput, RunningJob } from '@waggle/shared/lane-link/node-host.ts';
import type { ProcessRun, RunOutput } from './process/model-process.ts';
import type { ModelWork, RunEnd } from './process/protocol.ts';
import type { ModelLease } from './residents.ts';

/** One job: waits for its model, then hands on what the model's process says. */
export class LlamaRun implements RunningJob, RunOutput {
  readonly #output: JobOutput;
  readonly #isFirstTry: boolean;
  readonly #giveUp = new AbortController();
  #lease: ModelLease | undefined;
  #run: ProcessRun | undefined;
  #hasBegun = false;

  /** `attempt`: as the job's header says, 1 for its first. */
  constructor(output: JobOutput, attempt: number) {
    this.#output = output;
    this.#isFirstTry = attempt === 1;
  }

  /** What `prepare` throws is the failure of the job. */
  start(prepare: () => { readonly work: ModelWork; readonly use: (signal: AbortSignal) => Promise<ModelLease> }): this {
    void this.#start(prepare).catch((thrown: unknown) => {
      if (this.#giveUp.signal.aborted) this.#end({ outcome: 'cancelled' });
      else this.#end({ outcome: 'failed', failure: toJobFailure(toClusterError(thrown)) });
    });
    return this;
  }

  cancel(): void {
    this.#giveUp.abort(new ClusterError('client-gone', 'the job was cancelled'));
    this.#run?.cancel();
  }

  resume(): void {
    this.#run?.resume();
  }

  events(events: readonly ChatEvent[]): void {
    if (this.#giveUp.signal.aborted) return;
    this.#hasBegun = true;
    if (!this.#output.batch(toTypedBatch(events.map((event) => this.#withLoad(event))))) this.#run?.pause();
  }

  ended({ outcome, hasDied, failure, usage, timings }: RunEnd): void {
    if (failure === undefined || outcome !== 'failed') {
      const isCancelled = outcome === 'cancelled';
      return this.#end({
        outcome: isCancelled ? 'cancelled' : 'done',
        usage,
        timings: timings && this.#timings(timings),
      });
    }
    if (this.#giveUp.signal.aborted) return this.#end({ outcome: 'cancelled' });
    const { code, message, param } = failure;
    const error = new ClusterError(code, message, { details: param === undefined ? {} : { param } });
    // The job is given back, and may come again: whose fault it was nobody knows. One that comes again and dies again is to blame.
    const isInnocent = hasDied === true && this.#isFirstTry && !this.#hasBegun;
    this.#end({ outcome: isInnocent ? 'cancelled' : 'failed', failure: toJobFailure(error) });
  }

  async #start(
    prepare: () => { readonly work: ModelWork; readonly use: (signal: AbortSignal) => Promise<ModelLease> },
  ): Promise<void> {
    // Not from inside the caller's own call.
    await Promise.resolve();
    const { work, use } = prepare();
    this.#giveUp.signal.throwIfAborted();
    this.#lease = await use(this.#giveUp.signal);
    this.#run = this.#lease.process.run(work, this);
    if (this.#giveUp.signal.aborted) this.#run.cancel();
  }

  #withLoad(event: ChatEvent): ChatEvent {
    return event.type === 'response-end' && event.timings !== undefined
      ? { ...event, timings: this.#timings(event.timings) }
      : event;
  }

  /** With what was waited for the model. */
  #timings(timings: Timings): Timings {
    const loadMs = this.#lease?.loadMs ?? 0;
    return { ...timings, loadMs, totalMs: (timings.totalMs ?? 0) + loadMs };
  }

  #end(end: JobEnd): void {
    this.#lease?.giveBack();
    this.#output.ended(end);
  }
}
