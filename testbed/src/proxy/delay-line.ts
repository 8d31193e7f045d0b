import type { Socket } from 'node:net';
import { isPlain, type LinkConditions } from './link-conditions.ts';

/** Bytes that may be under way before the sender is held back. */
const HIGH_WATER_BYTES = 256 * 1024;

type Passage =
  | { readonly kind: 'bytes'; readonly bytes: Buffer; dueAt: number }
  | { readonly kind: 'end' | 'break'; dueAt: number };

export interface DelayLineOptions {
  readonly random: () => number;
  conditions(): LinkConditions;
  /** Bytes went through. */
  passed(bytes: number): void;
}

/** One direction of one connection: what `source` says reaches `sink` late, in pieces, or not at all, but in order. */
export class DelayLine {
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #options: DelayLineOptions;
  readonly #queue: Passage[] = [];
  #queuedBytes = 0;
  #passedBytes = 0;
  /** When the last byte that was queued has left the sender, at the link's rate. */
  #sentAt = 0;
  #lastDueAt = 0;
  #blocked = false;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(source: Socket, sink: Socket, options: DelayLineOptions) {
    this.#source = source;
    this.#sink = sink;
    this.#options = options;
    source.on('data', (chunk: Buffer) => this.#take(chunk));
    source.on('end', () => this.#enqueue({ kind: 'end', dueAt: 0 }));
    source.on('error', () => this.#enqueue({ kind: 'break', dueAt: 0 }));
    sink.on('drain', () => {
      this.#blocked = false;
      this.#pump();
    });
  }

  /** The conditions are others now: what is under way is timed anew. */
  refresh(): void {
    this.#sentAt = 0;
    this.#lastDueAt = 0;
    for (const passage of this.#queue) this.#time(passage);
    this.#pump();
  }

  close(): void {
    this.#closed = true;
    this.#queue.length = 0;
    clearTimeout(this.#timer);
  }

  #take(chunk: Buffer): void {
    const conditions = this.#options.conditions();
    if (this.#queue.length === 0 && isPlain(conditions)) {
      this.#write(chunk);
      this.#steer();
      return;
    }
    const slice = conditions.sliceBytes ?? chunk.length;
    for (let at = 0; at < chunk.length; at += slice) {
      this.#enqueue({ kind: 'bytes', bytes: chunk.subarray(at, at + slice), dueAt: 0 });
    }
  }

  #enqueue(passage: Passage): void {
    if (this.#closed) return;
    this.#time(passage);
    this.#queue.push(passage);
    if (passage.kind === 'bytes') this.#queuedBytes += passage.bytes.length;
    this.#pump();
  }

  #time(passage: Passage): void {
    const { latencyMs = 0, jitterMs = 0, bytesPerS } = this.#options.conditions();
    const size = passage.kind === 'bytes' ? passage.bytes.length : 0;
    this.#sentAt = Math.max(this.#sentAt, performance.now());
    if (bytesPerS !== undefined) this.#sentAt += (size / bytesPerS) * 1000;
    const late = latencyMs + (jitterMs > 0 ? jitterMs * this.#options.random() : 0);
    passage.dueAt = Math.max(this.#lastDueAt, this.#sentAt + late);
    this.#lastDueAt = passage.dueAt;
  }

  #pump(): void {
    clearTimeout(this.#timer);
    const { blackHole = false } = this.#options.conditions();
    if (!blackHole) this.#passDue();
    this.#steer();
    const [next] = this.#queue;
    if (next === undefined || blackHole || this.#blocked) return;
    this.#timer = setTimeout(() => this.#pump(), Math.max(1, next.dueAt - performance.now()));
  }

  #passDue(): void {
    const now = performance.now();
    for (let [head] = this.#queue; head !== undefined && head.dueAt <= now; [head] = this.#queue) {
      if (this.#blocked || this.#closed) return;
      this.#queue.shift();
      this.#pass(head);
    }
  }

  #pass(passage: Passage): void {
    switch (passage.kind) {
      case 'bytes':
        this.#queuedBytes -= passage.bytes.length;
        this.#write(passage.bytes);
        return;
      case 'end':
        this.#sink.end();
        return;
      case 'break':
        this.#sink.resetAndDestroy();
    }
  }

  #write(bytes: Buffer): void {
    const { cutAfterBytes = Number.POSITIVE_INFINITY } = this.#options.conditions();
    const left = cutAfterBytes - this.#passedBytes;
    const passing = bytes.length <= left ? bytes : bytes.subarray(0, Math.max(0, left));
    this.#passedBytes += passing.length;
    const cutNow = this.#passedBytes >= cutAfterBytes;
    const writable = this.#sink.write(passing, cutNow ? () => this.#cut() : undefined);
    if (cutNow) this.close();
    if (!writable) this.#blocked = true;
    this.#options.passed(passing.length);
  }

  /** The reader gets all bytes up to the limit and then the end, the sender a reset. */
  #cut(): void {
    this.#sink.destroy();
    this.#source.resetAndDestroy();
  }

  /** Holds the sender back while its reader, or the line itself, is full. */
  #steer(): void {
    if (this.#blocked || this.#queuedBytes >= HIGH_WATER_BYTES) this.#source.pause();
    else if (this.#source.isPaused()) this.#source.resume();
  }
}
