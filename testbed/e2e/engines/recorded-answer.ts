import type { Engine } from '@waggle/node-agent/engines/engine.ts';
import type { AnswerBatch } from '@waggle/shared/chat/answer-batch.ts';
import type { ChatEvent } from '@waggle/shared/chat/chat-event.ts';
import type { EndpointName } from '@waggle/shared/chat/endpoints.ts';
import type { JobEnd, JobHeader } from '@waggle/shared/cluster/job.ts';
import type { JobOutput, RunningJob } from '@waggle/shared/lane-link/node-host.ts';

export interface AskOptions extends Partial<Omit<JobHeader, 'endpoint' | 'model'>> {
  readonly endpoint: EndpointName;
  /** The engine's name of the model. */
  readonly model: string;
  readonly body: object;
  /** What the reader says to a batch; true unless given. */
  readonly take?: (batch: AnswerBatch) => boolean;
}

/** One job on an engine, with everything it said. */
export class RecordedAnswer implements JobOutput {
  readonly batches: AnswerBatch[] = [];
  readonly ends: JobEnd[] = [];
  readonly #ended = Promise.withResolvers<JobEnd>();
  readonly #first = Promise.withResolvers<void>();
  #take: (batch: AnswerBatch) => boolean = () => true;
  #running: RunningJob | undefined;

  static ask(engine: Engine, { endpoint, model, body, take, ...header }: AskOptions): RecordedAnswer {
    const answer = new RecordedAnswer();
    if (take !== undefined) answer.#take = take;
    const job: JobHeader = {
      jobId: 'j1',
      attempt: 1,
      requestId: 'r1',
      engineId: engine.identity.engineId,
      answerModel: model,
      stream: true,
      answer: 'native',
      priority: 'normal',
      pins: {},
      ...header,
      endpoint,
      model,
    };
    answer.#running = engine.run(job, Buffer.from(JSON.stringify(body)), answer);
    return answer;
  }

  /** Resolves when the job has ended. */
  get end(): Promise<JobEnd> {
    return this.#ended.promise;
  }

  /** Resolves with the first batch. */
  get begun(): Promise<void> {
    return this.#first.promise;
  }

  cancel(): void {
    this.#running?.cancel();
  }

  resume(): void {
    this.#running?.resume();
  }

  /** The engine's own bytes. */
  get text(): string {
    const bytes = this.batches.map((batch) => (batch.form === 'native' ? batch.bytes : new Uint8Array()));
    return Buffer.concat(bytes).toString('utf8');
  }

  get events(): readonly ChatEvent[] {
    return this.batches.flatMap((batch) => (batch.form === 'events' ? batch.events : []));
  }

  /** What typed events said. */
  get said(): string {
    return this.events.map((event) => (event.type === 'text-delta' ? event.text : '')).join('');
  }

  declined(): void {
    throw new Error('an engine declines nothing');
  }

  batch(batch: AnswerBatch): boolean {
    this.batches.push(batch);
    this.#first.resolve();
    return this.#take(batch);
  }

  ended(end: JobEnd): void {
    this.ends.push(end);
    this.#ended.resolve(end);
  }
}
