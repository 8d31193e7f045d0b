import { ChangeWatch } from './change-watch.ts';
import type { RequestRecord } from './request-record.ts';

export interface RequestCounters {
  /** Generations, embeddings and operations on models. */
  readonly started: number;
  readonly active: number;
  readonly done: number;
  readonly clientGone: number;
  readonly fault: number;
  /** Everything else: lists, health, metrics. */
  readonly probes: number;
}

/**
 * What an engine was asked, newest last, and promises for what it will be asked. Nothing polls: every change of a record
 * or of the engine's queues wakes those who wait.
 */
export class RequestLog {
  readonly #limit: number;
  readonly #records: RequestRecord[] = [];
  readonly #watch = new ChangeWatch<RequestRecord>();
  readonly #counts = { started: 0, done: 0, 'client-gone': 0, fault: 0, probes: 0 };

  /** Older records than the last `limit` are forgotten. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get all(): readonly RequestRecord[] {
    return this.#records;
  }

  get counters(): RequestCounters {
    const { started, done, fault, probes, 'client-gone': clientGone } = this.#counts;
    return { started, active: started - done - fault - clientGone, done, clientGone, fault, probes };
  }

  /** Resolves with the first record for which `predicate` holds, now or after any later change. */
  waitFor(predicate: (record: RequestRecord) => boolean): Promise<RequestRecord> {
    const known = this.#records.find(predicate);
    if (known !== undefined) return Promise.resolve(known);
    return this.#watch.next((changed) => (changed !== undefined && predicate(changed) ? changed : undefined));
  }

  /** Resolves with the next request that starts after this call, as soon as its body is read. */
  nextRequest(path?: string): Promise<RequestRecord> {
    const last = this.#counts.started;
    return this.#watch.next((changed) =>
      changed !== undefined && changed.id > last && (path === undefined || changed.path === path) ? changed : undefined,
    );
  }

  /** Resolves when `condition` holds; it is looked at after every change of a record or a queue. */
  until(condition: () => boolean): Promise<void> {
    return this.#watch.until(condition);
  }

  /** Forgets all records. Counters and those who wait stay. */
  clear(): void {
    this.#records.length = 0;
  }

  countProbe(): void {
    this.#counts.probes++;
  }

  /** Number of the next record. */
  nextId(): number {
    return ++this.#counts.started;
  }

  add(record: RequestRecord): void {
    if (this.#limit > 0) this.#records.push(record);
    // Cut in large pieces, so that a long run does not move the list at every request.
    if (this.#records.length > this.#limit * 2) this.#records.splice(0, this.#records.length - this.#limit);
    this.changed(record);
  }

  ended(record: RequestRecord, outcome: NonNullable<RequestRecord['outcome']>): void {
    this.#counts[outcome]++;
    this.changed(record);
  }

  changed(record?: RequestRecord): void {
    this.#watch.changed(record);
  }

  /** Rejects whoever still waits. */
  close(): void {
    this.#watch.close('the scripted engine');
  }
}
