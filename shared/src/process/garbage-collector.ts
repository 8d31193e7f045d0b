import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: Readonly<Record<string, string>>) => void;

/** The collector is not part of what Node offers; this is how V8 hands it out to a running program. It does nothing where it does not. */
export function garbageCollector(): Collect {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  return typeof collect === 'function' ? (options) => void collect(options) : () => {};
}
