import { toKeptRecord } from './kept-record.ts';
import type { RequestRecord, RequestState } from './request-record.ts';

export interface RequestFilter {
  readonly state?: RequestState;
  readonly model?: string;
  readonly node?: string;
  readonly limit: number;
}

/**
 * The requests that run, and the last ones that ended: a ring in memory. An ended one is kept as JSON: one string where the record is
 * forty objects, which the garbage collector would have to copy for each request because they outlive it.
 */
export class RequestLog {
  /** In the order they came. A Map that is added to and deleted from for ever would leave its tables behind, which hold what was in them. */
  readonly #running: RequestRecord[] = [];
  #ended: string[] = [];
  #next = 0;
  readonly #limits: { readonly recentRequests: number };
  /** Totals since the start. */
  readonly totals = { requests: 0, failed: 0, clientGone: 0, promptTokens: 0, completionTokens: 0 };

  /** `recentRequests` is the number of ended requests that are remembered; it may change meanwhile. */
  constructor(limits: { readonly recentRequests: number }) {
    this.#limits = limits;
  }

  begin(record: RequestRecord): void {
    this.totals.requests++;
    this.#running.push(record);
  }

  end(record: RequestRecord): void {
    takeOut(this.#running, record);
    if (this.#ended.length !== this.#limits.recentRequests) this.#resize(this.#limits.recentRequests);
    if (this.#ended.length > 0) {
      this.#ended[this.#next] = JSON.stringify(toKeptRecord(record));
      this.#next = (this.#next + 1) % this.#ended.length;
    }
    if (record.state === 'failed') this.totals.failed++;
    if (record.state === 'client-gone') this.totals.clientGone++;
    this.totals.promptTokens += record.usage?.promptTokens ?? 0;
    this.totals.completionTokens += record.usage?.completionTokens ?? 0;
  }

  get(requestId: string): RequestRecord | undefined {
    const running = this.#running.findLast((record) => record.requestId === requestId);
    if (running !== undefined) return running;
    for (const text of this.#newestFirst()) {
      // Parsing is dear, and there may be thousands.
      const record = text.includes(requestId) ? parse(text) : undefined;
      if (record?.requestId === requestId) return record;
    }
    return undefined;
  }

  /** Newest first, running ones before ended ones. */
  list(filter: RequestFilter): RequestRecord[] {
    const found: RequestRecord[] = [];
    const isWanted = ({ state, model, node }: RequestRecord): boolean =>
      (filter.state === undefined || state === filter.state) &&
      (filter.model === undefined || model === filter.model) &&
      (filter.node === undefined || node === filter.node);
    for (const record of this.#running.toReversed()) {
      if (found.length >= filter.limit) return found;
      if (isWanted(record)) found.push(record);
    }
    for (const text of this.#newestFirst()) {
      if (found.length >= filter.limit) return found;
      const record = parse(text);
      if (isWanted(record)) found.push(record);
    }
    return found;
  }

  /** The ring begins anew with its newest entries. */
  #resize(kept: number): void {
    const newest = [...this.#newestFirst()].slice(0, kept);
    this.#next = kept === 0 ? 0 : newest.length % kept;
    this.#ended = [...newest.toReversed(), ...new Array<string>(kept - newest.length).fill('')];
  }

  *#newestFirst(): Iterable<string> {
    const kept = this.#ended.length;
    for (let age = 1; age <= kept; age++) {
      const text = this.#ended[(this.#next - age + kept) % kept];
      if (text === undefined || text === '') return;
      yield text;
    }
  }
}

/** Mostly one of the first: who came first ends first. */
function takeOut(records: RequestRecord[], record: RequestRecord): void {
  const at = records.indexOf(record);
  if (at === -1) return;
  for (let next = at + 1; next < records.length; next++) records[next - 1] = records[next] ?? record;
  records.pop();
}

function parse(text: string): RequestRecord {
  return JSON.parse(text) as RequestRecord;
}
