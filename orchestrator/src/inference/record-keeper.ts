import { type AnswerBatch, batchKind } from '@waggle/shared/chat/answer-batch.ts';
import type { Usage } from '@waggle/shared/chat/chat-event.ts';
import { ClusterError, toClusterError } from '@waggle/shared/errors/cluster-error.ts';
import type { Clock } from '@waggle/shared/observing/clock.ts';
import type { Answer, InferenceRequest } from './inference.ts';
import type { RequestLog } from './request-log.ts';
import type { RequestRecord } from './request-record.ts';

/** Writes down the stories of requests that are not one job of their own. */
export class RecordKeeper {
  readonly #requests: RequestLog;
  readonly #clock: Clock;

  constructor(requests: RequestLog, clock: Clock) {
    this.#requests = requests;
    this.#clock = clock;
  }

  create(request: InferenceRequest): RequestRecord {
    const { facts } = request;
    return {
      requestId: request.requestId,
      endpoint: request.translatedFrom ?? facts.endpoint,
      model: facts.model,
      stream: facts.stream,
      priority: request.priority,
      client: request.client,
      receivedAt: new Date(Date.now() - this.#elapsed(request)).toISOString(),
      state: 'held',
      attempts: [],
    };
  }

  begin(request: InferenceRequest): RequestRecord {
    const record = this.create(request);
    this.#requests.begin(record);
    return record;
  }

  fail(request: InferenceRequest, record: RequestRecord, error: ClusterError): ClusterError {
    record.error = { code: error.code, message: error.message };
    this.end(request, record, error.code === 'client-gone' ? 'client-gone' : 'failed');
    return error;
  }

  end(request: InferenceRequest, record: RequestRecord, state: RequestRecord['state']): void {
    record.state = state;
    record.endedMs = this.#elapsed(request);
    this.#requests.end(record);
  }

  /** The answer that somebody else makes, as that of this request. `learn` takes over what its makers tell so far. */
  async *follow(
    request: InferenceRequest,
    record: RequestRecord,
    batches: AsyncIterable<AnswerBatch>,
    learn: () => void,
  ): ReturnType<Answer[typeof Symbol.asyncIterator]> {
    let isWhole = false;
    let failure: ClusterError | undefined;
    try {
      for await (const batch of batches) {
        learn();
        record.state = 'running';
        record.firstEventMs ??= this.#elapsed(request);
        const usage = usageIn(batch);
        if (usage !== undefined) record.usage = usage;
        isWhole = (batch.kinds & batchKind.end) !== 0;
        yield batch;
      }
    } catch (thrown) {
      failure = toClusterError(thrown);
      throw failure;
    } finally {
      learn();
      if (isWhole) this.end(request, record, 'done');
      else this.fail(request, record, failure ?? new ClusterError('client-gone', 'the reader left'));
    }
  }

  /** An answer that is there already, in one batch. */
  give(request: InferenceRequest, record: RequestRecord, batch: AnswerBatch): AsyncIterator<AnswerBatch> {
    let isGiven = false;
    return {
      next: () => {
        if (isGiven) return Promise.resolve(nothingMore);
        isGiven = true;
        record.firstEventMs = this.#elapsed(request);
        this.end(request, record, 'done');
        return Promise.resolve({ done: false, value: batch });
      },
      return: () => {
        if (!isGiven) this.fail(request, record, new ClusterError('client-gone', 'the reader left'));
        isGiven = true;
        return Promise.resolve(nothingMore);
      },
    };
  }

  #elapsed({ receivedAt }: InferenceRequest): number {
    return this.#clock.now() - receivedAt;
  }
}

const nothingMore: IteratorResult<AnswerBatch> = { done: true, value: undefined };

/** The makers tell it of themselves only when their engines have stopped. */
function usageIn(batch: AnswerBatch): Usage | undefined {
  if (batch.form !== 'events') return undefined;
  const end = batch.events.at(-1);
  return end?.type === 'response-end' ? end.usage : undefined;
}
