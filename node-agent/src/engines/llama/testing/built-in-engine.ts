import type { ChatEvent } from '@waggle/shared/chat/chat-event.ts';
import { type Folded, foldEvents } from '@waggle/shared/chat/fold.ts';
import type { JobEnd, JobHeader } from '@waggle/shared/cluster/job.ts';
import { systemClock } from '@waggle/shared/observing/clock.ts';
import { RecordedJob, toHeader } from '../../../testing/recorded-job.ts';
import type { Engine } from '../../engine.ts';
import { createLlamaEngine, type LlamaEngine, type LlamaEngineOptions } from '../llama-engine.ts';
import type { ModelStore } from '../models/model-store.ts';

export function startEngine(store: ModelStore, more: Partial<LlamaEngineOptions> = {}): LlamaEngine {
  return createLlamaEngine({ store, settings: {}, hasOtherModels: () => false, clock: systemClock, ...more });
}

/** A job and what came of it. */
export class AskedJob extends RecordedJob {
  readonly #ended = Promise.withResolvers<JobEnd>();
  readonly #events: ChatEvent[] = [];
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  /** What the reader says to a batch. */
  takes = true;
  cancel: () => void = () => {};
  resume: () => void = () => {};

  get end(): Promise<JobEnd> {
    return this.#ended.promise;
  }

  get events(): readonly ChatEvent[] {
    return this.#events;
  }

  /** The whole answer. */
  async answer(): Promise<Folded> {
    await this.end;
    return foldEvents(this.#events);
  }

  /** Resolves when there are so many events. */
  begun(count = 1): Promise<void> {
    if (this.#events.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }

  override batch(batch: RecordedJob['batches'][number]): boolean {
    super.batch(batch);
    if (batch.form === 'events') this.#events.push(...batch.events);
    for (const { count, resolve } of this.#waiting) if (this.#events.length >= count) resolve();
    return this.takes;
  }

  override ended(end: JobEnd): void {
    super.ended(end);
    this.#ended.resolve(end);
  }
}

/** Asks a model in Ollama's dialect, unless `endpoint` says otherwise. */
export function ask(engine: Engine, model: string, body: object, more: Partial<JobHeader> = {}): AskedJob {
  const job = new AskedJob();
  const stream = 'stream' in body ? body.stream === true : true;
  const header = toHeader({
    engineId: engine.identity.engineId,
    model: `${model}:latest`,
    answerModel: model,
    stream,
    ...more,
  });
  const running = engine.run(header, Buffer.from(JSON.stringify({ model, ...body })), job);
  job.cancel = () => running.cancel();
  job.resume = () => running.resume();
  return job;
}

/** A chat of one message. */
export function say(engine: Engine, text: string, more: object = {}, header: Partial<JobHeader> = {}): AskedJob {
  return ask(engine, 'talker', { messages: [{ role: 'user', content: text }], ...more }, header);
}
