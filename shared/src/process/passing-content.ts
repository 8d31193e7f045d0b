import { garbageCollector } from './garbage-collector.ts';

const collectEveryBytes = 1024 * 1024;

/**
 * Content that passes through the process and is copied on its way. Each part leaves buffers behind, outside of V8's heap, and V8 looks for them
 * only when some 50 MB came together; this has them collected while they are few, at half a millisecond for each megabyte.
 */
export class PassingContent {
  #bytes = 0;
  #collect: (() => void) | undefined;

  /** `collect` is told in tests. */
  constructor(collect?: () => void) {
    this.#collect = collect;
  }

  passed(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < collectEveryBytes) return;
    this.#bytes = 0;
    this.#collect ??= collectYoung();
    this.#collect();
  }
}

function collectYoung(): () => void {
  const collect = garbageCollector();
  return () => collect({ type: 'minor' });
}
