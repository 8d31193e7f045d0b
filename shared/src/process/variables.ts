import { nearestName } from './nearest-name.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const prefix = 'WAGGLE_';
const shownMax = 5;

/** Set for an agent or for the command line, they are no mistake anywhere. */
const ofOtherPrograms = [
  'WAGGLE_URL',
  'WAGGLE_ADMIN_TOKEN',
  'WAGGLE_ORCHESTRATOR',
  'WAGGLE_JOIN_TOKEN',
  'WAGGLE_TOKEN',
  'WAGGLE_NAME',
  'WAGGLE_DRAIN_TIMEOUT',
];

/**
 * The trimmed text of a variable. An empty one counts as absent: compose files pass on what is not set that way. So does an
 * address with `tcp://`: Kubernetes puts that of a service called waggle into WAGGLE_PORT.
 */
export function readVariable(environment: Environment, name: string): string | undefined {
  const text = environment[name]?.trim();
  return text === '' || text?.startsWith('tcp://') ? undefined : text;
}

/** One sentence for each variable that is meant for Waggle and not among those that are `read`. */
export function noteUnreadVariables(environment: Environment, read: readonly string[]): string[] {
  const known = new Set([...read, ...ofOtherPrograms]);
  const words = read.map((name) => name.slice(prefix.length));
  const unread = Object.keys(environment)
    .filter((name) => name.startsWith(prefix) && !known.has(name) && readVariable(environment, name) !== undefined)
    .toSorted();
  const notes = unread.slice(0, shownMax).map((name) => {
    const near = nearestName(name.slice(prefix.length), words);
    return `${name} is not read${near === undefined ? '.' : `; did you mean ${prefix}${near}?`}`;
  });
  const more = unread.length - shownMax;
  return more > 0 ? [...notes, `${more} more variables that begin with ${prefix} are not read.`] : notes;
}
