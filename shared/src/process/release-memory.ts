import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Collects garbage and gives freed pages back to the system. Stops the process for some tens of milliseconds. */
export function releaseMemory(): void {
  // The collector is not part of what Node offers; this is how V8 hands it out to a running program.
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  if (typeof collect === 'function') collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
