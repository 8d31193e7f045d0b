import type { Clock } from '@waggle/shared/observing/clock.ts';
import { LRUCache } from 'lru-cache';
import { type KeptAnswer, sizeOf } from './kept-answer.ts';

export interface CacheLimits {
  /** Bytes of all kept answers together; 0: nothing is kept. */
  readonly maxBytes: number;
  /** Milliseconds an answer is kept. */
  readonly ttlMs: number;
}

export interface CacheStats extends CacheLimits {
  readonly entries: number;
  readonly bytes: number;
  /** Since the start: answers given from the cache, made anew, shared while they were made, kept, and thrown out for want of room. */
  readonly hits: number;
  readonly misses: number;
  readonly coalesced: number;
  readonly stored: number;
  readonly evicted: number;
  /** Hits and shared ones among all that asked the cache, 0 to 1; 0 before the first. */
  readonly hitRate: number;
}

/** Answers that are kept to be given again: the ones used last, bounded in bytes and age. Where a bound changes, it begins anew. */
export class ResponseCache {
  readonly #limits: CacheLimits;
  readonly #clock: Clock;
  #madeFor: CacheLimits | undefined;
  #made: LRUCache<string, KeptAnswer> | undefined;
  readonly #counts = { hits: 0, misses: 0, coalesced: 0, stored: 0, evicted: 0 };

  constructor(limits: CacheLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  get #answers(): LRUCache<string, KeptAnswer> | undefined {
    const { maxBytes, ttlMs } = this.#limits;
    if (maxBytes !== this.#madeFor?.maxBytes || ttlMs !== this.#madeFor.ttlMs) {
      this.#madeFor = { maxBytes, ttlMs };
      this.#made = maxBytes === 0 ? undefined : this.#create(this.#madeFor);
    }
    return this.#made;
  }

  #create({ maxBytes, ttlMs }: CacheLimits): LRUCache<string, KeptAnswer> {
    return new LRUCache({
      maxSize: maxBytes,
      maxEntrySize: largestAnswer(maxBytes),
      sizeCalculation: ({ batch }, key) => sizeOf(batch) + key.length,
      ttl: ttlMs,
      ttlResolution: 0,
      perf: { now: () => this.#clock.now() },
      dispose: (_answer, _key, reason) => {
        if (reason === 'evict') this.#counts.evicted++;
      },
    });
  }

  /** False: it was switched off. */
  get isOn(): boolean {
    return this.#answers !== undefined;
  }

  /** Largest answer that is kept, in bytes; one that grows beyond it is not shared any further, either. */
  get largestBytes(): number {
    return largestAnswer(this.#limits.maxBytes);
  }

  /** The first of the keys that is kept. */
  find(keys: Iterable<string>): KeptAnswer | undefined {
    const answers = this.#answers;
    for (const key of keys) {
      const found = answers?.get(key);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  keep(key: string, answer: KeptAnswer): void {
    const answers = this.#answers;
    answers?.set(key, answer);
    // One that is too large is not taken.
    if (answers?.has(key) === true) this.#counts.stored++;
  }

  count(outcome: 'hits' | 'misses' | 'coalesced'): void {
    this.#counts[outcome]++;
  }

  stats(): CacheStats {
    const { hits, misses, coalesced } = this.#counts;
    const asked = hits + misses + coalesced;
    const answers = this.#answers;
    // What is too old goes when it is asked for, or room is wanted, and until then would count.
    answers?.purgeStale();
    return {
      maxBytes: this.#limits.maxBytes,
      ttlMs: this.#limits.ttlMs,
      entries: answers?.size ?? 0,
      bytes: answers?.calculatedSize ?? 0,
      ...this.#counts,
      hitRate: asked === 0 ? 0 : (hits + coalesced) / asked,
    };
  }
}

/** A single answer takes a sixteenth of the room at most. */
function largestAnswer(maxBytes: number): number {
  return Math.floor(maxBytes / 16);
}
