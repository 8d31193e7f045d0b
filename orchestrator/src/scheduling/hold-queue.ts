import type { Priority } from '@waggle/shared/cluster/job.ts';
import { notSeated, Roster, type RosterMember } from '@waggle/shared/collections/roster.ts';

/** What the queue must know of a job. */
export interface Queued {
  readonly jobId: string;
  /** Jobs of one line can be placed on the same nodes: if its head cannot be placed, none of them can. */
  readonly line: string;
  readonly priority: Priority;
  readonly isEmbedding: boolean;
  /** When the job was first held; kept over retries, so that those come first again. */
  readonly heldSince: number;
  readonly bodyBytes: number;
  /** Shared by the parts of one request: of those that are held one counts. Absent: it is the whole request. */
  readonly group?: symbol | undefined;
}

/**
 * How much later a job counts as arrived, by band, in milliseconds. A static offset is linear ageing: a job of a lower band is
 * overtaken only by what comes within the offset. Embeddings go one band below chat.
 */
const bandOffsetMs = [0, 10_000, 40_000, 120_000] as const;
const bandOf: Record<Priority, number> = { high: 0, normal: 1, low: 2 };

export function toRank(job: Pick<Queued, 'priority' | 'isEmbedding' | 'heldSince'>): number {
  const offset = bandOffsetMs[bandOf[job.priority] + (job.isEmbedding ? 1 : 0)] ?? 0;
  return job.heldSince + offset;
}

interface Ranked {
  readonly rank: number;
  /** Breaks ties in order of arrival. */
  readonly order: number;
}

interface Entry<Job> extends Ranked, RosterMember {
  readonly job: Job;
  /** As it was when the job was added. */
  readonly line: string;
  removed: boolean;
}

/** So many lines are kept though nothing stands in them: those of busy models come and go with each job. */
const keptLines = 64;

type Precedes = (a: Ranked, b: Ranked) => boolean;

/**
 * Held jobs, one heap per line. Adding, removing and taking the best are O(log n); a line whose head cannot be placed holds
 * up nobody else.
 */
export class HoldQueue<Job extends Queued> {
  readonly #lines = new Map<string, Line<Job>>();
  /** By identity: clients may choose the same id for two requests. */
  readonly #entries = new WeakMap<Job, Entry<Job>>();
  readonly #held = new Roster<Entry<Job>>();
  readonly #aside: Entry<Job>[] = [];
  readonly #precedes: Precedes;
  /** Held parts of requests. */
  readonly #groups = new Map<symbol, number>();
  #order = 0;
  #bytes = 0;
  #requests = 0;

  constructor(precedes: Precedes = isEarlier) {
    this.#precedes = precedes;
  }

  get size(): number {
    return this.#held.size;
  }

  /** Requests that are held, however many parts of them. */
  get requests(): number {
    return this.#requests;
  }

  /** Held requests if this job were held, too. */
  requestsWith({ group }: Job): number {
    return group !== undefined && this.#groups.has(group) ? this.#requests : this.#requests + 1;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(job: Job): void {
    if (this.#entries.has(job)) throw new Error(`job ${job.jobId} is held already`);
    const order = this.#order++;
    const entry: Entry<Job> = { job, line: job.line, rank: toRank(job), order, removed: false, seat: notSeated };
    this.#entries.set(job, entry);
    this.#held.add(entry);
    this.#bytes += job.bodyBytes;
    this.#count(job, 1);
    let line = this.#lines.get(entry.line);
    if (line === undefined) {
      line = new Line(this.#precedes);
      this.#lines.set(entry.line, line);
    }
    line.push(entry);
  }

  /** False: it was not held. */
  remove(job: Job): boolean {
    const entry = this.#entries.get(job);
    if (entry === undefined) return false;
    entry.removed = true;
    this.#entries.delete(job);
    this.#held.delete(entry);
    this.#bytes -= job.bodyBytes;
    this.#count(job, -1);
    const isEmpty = this.#lines.get(entry.line)?.drop() === true;
    if (isEmpty && this.#lines.size > keptLines) this.#lines.delete(entry.line);
    return true;
  }

  #count({ group }: Job, change: 1 | -1): void {
    if (group !== undefined) {
      const before = this.#groups.get(group) ?? 0;
      const parts = before + change;
      if (parts === 0) this.#groups.delete(group);
      else this.#groups.set(group, parts);
      if (before > 0 && parts > 0) return;
    }
    this.#requests += change;
  }

  /** The best head among the lines that are not in `blocked`. */
  best(blocked: ReadonlySet<string>): Job | undefined {
    let best: Entry<Job> | undefined;
    for (const [name, line] of this.#lines) {
      if (blocked.has(name)) continue;
      const head = line.head();
      if (head !== undefined && (best === undefined || this.#precedes(head, best))) best = head;
    }
    return best?.job;
  }

  /** Leaves the heads of a line out of `best` until `restore`, the best ones first; they are held all the same. */
  setAside(line: string, count: number): void {
    for (let taken = 0; taken < count; taken++) {
      const head = this.#lines.get(line)?.take();
      if (head === undefined) return;
      this.#aside.push(head);
    }
  }

  restore(): void {
    for (const entry of this.#aside) if (!entry.removed) this.#lines.get(entry.line)?.put(entry);
    this.#aside.length = 0;
  }

  /** Those that are held now, in order of arrival. */
  jobs(): readonly Job[] {
    return [...this.#held].sort((a, b) => a.order - b.order).map(({ job }) => job);
  }
}

function isEarlier(a: Ranked, b: Ranked): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.order < b.order);
}

/** A binary heap that forgets removed entries when they come to its top, or when they are most of it. */
class Line<Job> {
  readonly #precedes: Precedes;
  #heap: Entry<Job>[] = [];
  #live = 0;

  constructor(precedes: Precedes) {
    this.#precedes = precedes;
  }

  push(entry: Entry<Job>): void {
    this.#live++;
    this.put(entry);
  }

  /** Takes the head out, though it still counts; `put` brings it back. */
  take(): Entry<Job> | undefined {
    const head = this.head();
    if (head !== undefined) this.#pop();
    return head;
  }

  put(entry: Entry<Job>): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !this.#precedes(entry, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  /** One entry of this line was marked as removed. True: the line is empty. */
  drop(): boolean {
    this.#live--;
    if (this.#heap.length > 32 && this.#live < this.#heap.length / 2) {
      const kept = this.#heap.filter((entry) => !entry.removed).sort((a, b) => (this.#precedes(a, b) ? -1 : 1));
      this.#heap = kept;
    }
    if (this.#live > 0) return false;
    this.#heap = [];
    return true;
  }

  head(): Entry<Job> | undefined {
    while (this.#heap[0]?.removed === true) this.#pop();
    return this.#heap[0];
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      const child = left !== undefined && right !== undefined && this.#precedes(right, left) ? right : left;
      if (child === undefined || !this.#precedes(child, last)) break;
      heap[at] = child;
      at = child === left ? 2 * at + 1 : 2 * at + 2;
    }
    heap[at] = last;
  }
}
