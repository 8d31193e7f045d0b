import type { LogFacts, Logger, LogLevel } from '@waggle/shared/observing/logger.ts';

const rank: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3 };

/**
 * Loads the real logger with the first line that is to be written: a quiet agent never pays for it. Lines keep their order;
 * those of the moment in between are held back.
 */
export function createLazyLogger(level: LogLevel, load: () => Promise<Logger>): Logger {
  let loaded: Logger | undefined;
  let held: { readonly at: LogLevel; readonly event: string; readonly facts: LogFacts | undefined }[] | undefined;
  const write = (at: LogLevel, event: string, facts: LogFacts | undefined): void => {
    if (loaded !== undefined) return loaded[at](event, facts);
    if (held !== undefined) return void held.push({ at, event, facts });
    held = [{ at, event, facts }];
    load().then((logger) => {
      loaded = logger;
      for (const line of held ?? []) logger[line.at](line.event, line.facts);
      held = undefined;
    }, ignore);
  };
  const at = (own: LogLevel) => (event: string, facts?: LogFacts) => {
    if (rank[own] <= rank[level]) write(own, event, facts);
  };
  return { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') };
}

/** A logger never throws; without one there is nowhere to say so. */
function ignore(): void {}
