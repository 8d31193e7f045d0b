import type { RequestRecord, RequestState } from './request-record.ts';

export interface RequestFilter {
  readonly state?: RequestState;
  readonly model?: string;
  readonly node?: string;
  readonly limit: number;
}

/** The requests that run, and the last ones that ended: a ring in memory. */
export class RequestLog {
  readonly #running = new Map<string, RequestRecord>();
  readonly #ended: (RequestRecord | undefined)[];
  #next = 0;
  /** Totals since the start. */
  readonly totals = { requests: 0, failed: 0, clientGone: 0, promptTokens: 0, completionTokens: 0 };

  /** `kept` is the number of ended requests that are remembered. */
  constructor(kept: number) {
    this.#ended = new Array<RequestRecord | undefined>(kept).fill(undefined);
  }

  begin(record: RequestRecord): void {
    this.totals.requests++;
    this.#running.set(record.requestId, record);
  }

  end(record: RequestRecord): void {
    if (this.#running.get(record.requestId) === record) this.#running.delete(record.requestId);
    if (this.#ended.length > 0) {
      this.#ended[this.#next] = record;
      this.#next = (this.#next + 1) % this.#ended.length;
    }
    if (record.state === 'failed') this.totals.failed++;
    if (record.state === 'client-gone') this.totals.clientGone++;
    this.totals.promptTokens += record.usage?.promptTokens ?? 0;
    this.totals.completionTokens += record.usage?.completionTokens ?? 0;
  }

  get(requestId: string): RequestRecord | undefined {
    return this.#running.get(requestId) ?? this.#ended.find((record) => record?.requestId === requestId);
  }

  /** Newest first, running ones before ended ones. */
  list(filter: RequestFilter): RequestRecord[] {
    const found: RequestRecord[] = [];
    const take = (record: RequestRecord | undefined) => {
      if (record === undefined || found.length >= filter.limit) return;
      if (filter.state !== undefined && record.state !== filter.state) return;
      if (filter.model !== undefined && record.model !== filter.model) return;
      if (filter.node !== undefined && record.node !== filter.node) return;
      found.push(record);
    };
    for (const record of [...this.#running.values()].toReversed()) take(record);
    const kept = this.#ended.length;
    for (let age = 1; age <= kept; age++) take(this.#ended[(this.#next - age + kept) % kept]);
    return found;
  }
}
