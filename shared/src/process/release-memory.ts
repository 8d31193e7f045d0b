import { garbageCollector } from './garbage-collector.ts';

/** Collects garbage and gives freed pages back to the system. Stops the process for some tens of milliseconds. */
export function releaseMemory(): void {
  garbageCollector()({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
