/** How an AnswerQueue is bound to the one who fills it. */
export interface AnswerQueueOptions<T> {
  /** Size above which `push` asks for a pause, in the unit of `sizeOf`; a function where it changes. */
  readonly highWater: number | (() => number);
  /** Size of an item; 1 each unless told. */
  readonly sizeOf?: (item: T) => number;
  /** Half of what had made `push` say false was read: more is welcome. Called once per pause. */
  readonly onDrain?: () => void;
  /** The reader left before the end. Called at most once; later items are dropped. */
  readonly onReturn?: () => void;
}

/**
 * Turns pushed items into an iteration for one reader. Bounded by its producer's good manners: `push` takes everything and
 * says when to pause. Items that were pushed before `end` or `fail` are read first.
 */
export class AnswerQueue<T> implements AsyncIterable<T> {
  readonly #options: AnswerQueueOptions<T>;
  #items: T[] = [];
  /** Items before this index were read. */
  #head = 0;
  #size = 0;
  #isFull = false;
  #state: 'open' | 'ended' | 'failed' | 'returned' = 'open';
  #error: unknown;
  #reader: { resolve: (result: IteratorResult<T, undefined>) => void; reject: (error: unknown) => void } | undefined;

  constructor(options: AnswerQueueOptions<T>) {
    this.#options = options;
  }

  /** False: the reader is slow; push no more until `onDrain`. An item after the end, or after the reader left, is dropped. */
  push(item: T): boolean {
    if (this.#state !== 'open') return true;
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      reader.resolve({ done: false, value: item });
      return true;
    }
    this.#items.push(item);
    this.#size += this.#options.sizeOf?.(item) ?? 1;
    if (this.#size <= this.#highWater()) return true;
    this.#isFull = true;
    return false;
  }

  /** Everything that was pushed was read. */
  get isRead(): boolean {
    return this.#head === this.#items.length;
  }

  /** Nothing follows. */
  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ended';
    this.#reader?.resolve({ done: true, value: undefined });
    this.#reader = undefined;
  }

  /** Nothing follows, and the reader is to get `error`. */
  fail(error: unknown): void {
    if (this.#state !== 'open') return;
    this.#error = error;
    if (this.#reader === undefined) {
      this.#state = 'failed';
    } else {
      this.#state = 'ended';
      this.#reader.reject(error);
      this.#reader = undefined;
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return { next: () => this.#next(), return: () => this.#return() };
  }

  #next(): Promise<IteratorResult<T, undefined>> {
    if (this.#head < this.#items.length) return Promise.resolve({ done: false, value: this.#take() });
    if (this.#state === 'failed') {
      this.#state = 'ended';
      return Promise.reject(this.#error);
    }
    if (this.#state !== 'open') return Promise.resolve({ done: true, value: undefined });
    if (this.#reader !== undefined)
      return Promise.reject(new Error('an AnswerQueue has one reader, which waits already'));
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  #take(): T {
    const item = this.#items[this.#head] as T;
    this.#head++;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (this.#head >= 64 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    this.#size -= this.#options.sizeOf?.(item) ?? 1;
    if (this.#isFull && this.#size * 2 <= this.#highWater()) {
      this.#isFull = false;
      if (this.#state === 'open') this.#options.onDrain?.();
    }
    return item;
  }

  #highWater(): number {
    const { highWater } = this.#options;
    return typeof highWater === 'number' ? highWater : highWater();
  }

  #return(): Promise<IteratorResult<T, undefined>> {
    const wasOver = this.#state === 'returned' || (this.#state === 'ended' && this.#head === this.#items.length);
    this.#state = 'returned';
    this.#items = [];
    this.#head = 0;
    this.#size = 0;
    this.#reader?.resolve({ done: true, value: undefined });
    this.#reader = undefined;
    if (!wasOver) this.#options.onReturn?.();
    return Promise.resolve({ done: true, value: undefined });
  }
}
